#!/usr/bin/env node
export default async () => new Response('hello');
