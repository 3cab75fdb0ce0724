<<<<<<< HEAD
export default async () => new Response('hello');
=======
export default async () => new Response('bye');
>>>>>>> other
