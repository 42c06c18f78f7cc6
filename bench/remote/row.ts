import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '2.1',
  title: 'A call to another process, small JSON: 50 at once, and alone',
  commits: false,
  figures: {
    calls: { unit: '/s', better: 'higher' },
    'p50 alone': { unit: 'ms', better: 'lower' },
    'p99 alone': { unit: 'ms', better: 'lower' },
    'CPU a call': { unit: 'µs', better: 'lower' },
  },
  contenders: [
    { name: 'framed JSON', role: 'limit', module: here('./by-hand.ts') },
    { name: 'mux', role: 'ours', module: here('./mux.ts') },
    { name: 'mux with TLS', role: 'ours', module: here('./mux.ts'), variant: 'tls' },
    { name: 'mux, a client and a service', role: 'ours', module: here('./mux.ts'), variant: 'service' },
    { name: 'Moleculer TCP', role: 'peer', module: here('./moleculer.ts') },
    { name: 'http and undici', role: 'peer', module: here('./http.ts'), variant: 'http' },
    { name: 'Fastify and undici', role: 'peer', module: here('./http.ts'), variant: 'fastify' },
  ],
  targets: [
    { figure: 'calls', to: 'Moleculer TCP', bound: 1.5 },
    { figure: 'calls', to: 'Moleculer TCP', bound: 1, of: 'mux, a client and a service' },
    { figure: 'p50 alone', to: 'Moleculer TCP', bound: 1 },
  ],
  notes: [
    'Two processes on one machine, over loopback TCP. CPU is that of the caller alone; both processes share the cores.',
    'mux: metadata, deadline and cancelling as always, and a token that is signed (Ed25519) and verified; no schema. "A client and a service": the same through a declared client with its policies (deadline, retry, breaker, bulkhead) and a handler with validated input and output.',
    'framed JSON: length, id and JSON with writes gathered by turn, and nothing else. Moleculer: no validation, no tracing, JSON. http and Fastify: POST of JSON over 50 kept connections.',
  ],
} satisfies Row;
