const handler = async (): Promise<{ statusCode: number }> => ({ statusCode: 204 });
export = { handler };
