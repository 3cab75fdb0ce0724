export default async () => {
  const = 1;
};
