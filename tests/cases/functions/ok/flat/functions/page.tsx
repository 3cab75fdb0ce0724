const Page = ({ title }: { title: string }) => <h1>{title}</h1>;

export default async () => new Response(String(<Page title="Hello" />));
