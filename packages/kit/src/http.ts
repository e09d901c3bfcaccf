/**
 * `node:http` for processes that stay small. Importing it by name reads all that it exports, and its WebSocket
 * classes bring in a second HTTP client, HTTP/2 and the web streams: 14 MiB that nothing of ours uses.
 */
export const http = process.getBuiltinModule("node:http");
