import type { Start, StartOptions } from './row.ts';

/** The process of one contender: starts it, measures at its parent's request, and reports the result. */
export type Ask = { readonly round: true } | { readonly close: true };
export type Answer = { readonly ready: true } | { readonly figures: Record<string, number> } | { readonly error: string };

const [module, options] = process.argv.slice(2) as [string, string];
const tell = (answer: Answer) => process.send?.(answer);
const failed = (error: unknown) => tell({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) });
process.on('uncaughtException', failed);
process.on('unhandledRejection', failed);
// Its parent is gone, so no other process would stop it.
process.on('disconnect', () => process.exit(0));

const { default: start } = (await import(module)) as { default: Start };
try {
  const running = await start(JSON.parse(options) as StartOptions);
  process.on('message', (ask: Ask) => {
    if ('round' in ask) {
      running.round().then((figures) => tell({ figures }), failed);
    } else {
      running.close().then(() => process.exit(0), failed);
    }
  });
  tell({ ready: true });
} catch (error) {
  failed(error);
}
