exports.handler = async (event) => ({ statusCode: /^[/]a{2}$/u.test(event.path) ? 200 : 404 });
