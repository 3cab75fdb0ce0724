export default async (request: Request): Promise<Response> => new Response(new URL(request.url).pathname);
