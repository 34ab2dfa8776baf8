// A Node server that says on standard output, in a line of JSON each, what it took every request for. Its first line is
// its port. It ends when its standard input does and its connections have ended.
'use strict';

const http = require('node:http');

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

// The path as the URL parser of browsers and of Node reads it.
const pathOf = (target) => {
  try {
    return new URL(target, 'http://upstream').pathname;
  } catch {
    return null;
  }
};

const describe = (request, body) => ({
  method: request.method,
  target: request.url,
  path: pathOf(request.url),
  fields: request.rawHeaders,
  trailers: request.rawTrailers,
  body: Buffer.concat(body).toString('latin1'),
  complete: request.complete,
});

const take = (request, reply) => {
  const body = [];
  request.on('data', (chunk) => body.push(chunk));
  request.on('end', () => reply.end('ok'));
  request.on('error', () => {});
  request.on('close', () => say(describe(request, body)));
};

// A gateway that asks for another protocol, or that sends what is no request, is found out by these lines.
const switched = (request, socket) => {
  say({ error: `asks to leave HTTP/1.1 by ${request.method} ${request.url}` });
  socket.destroy();
};

const server = http.createServer({ keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0, maxHeaderSize: 1 << 17 });
server.on('request', take);
server.on('checkContinue', take);
server.on('checkExpectation', take);
server.on('upgrade', switched);
server.on('connect', switched);
server.on('clientError', (error, socket) => {
  say({ error: error.code, packet: error.rawPacket && error.rawPacket.toString('latin1') });
  socket.destroy();
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));

process.stdin.resume();
process.stdin.on('end', () => server.close());
