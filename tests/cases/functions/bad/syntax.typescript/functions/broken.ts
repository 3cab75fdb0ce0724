export default async (request: Request) => {
  const url: = new URL(request.url);
  return new Response(url.pathname);
};
