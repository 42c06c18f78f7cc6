import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { defects } from './defects.ts';

/*
 * `node --import ./shop/rig/simulation/planted/register.ts …` with RAMET_PLANTED=<name> runs the framework with one mistake in
 * it, which exists nowhere else: the text of one file is changed while it is loaded.
 */
const name = process.env.RAMET_PLANTED ?? '';
const defect = defects[name];
if (!defect) throw new Error(`RAMET_PLANTED is '${name}'; there are ${Object.keys(defects).join(', ')}`);

registerHooks({
  load(url, context, nextLoad) {
    const changes = defect.changes.filter(({ file }) => url.endsWith(`/packages/ramet/src/${file}`));
    if (changes.length === 0) return nextLoad(url, context);
    const text = readFileSync(new URL(url), 'utf8');
    const source = changes.reduce((changed, { from, to, file }) => planted(changed, from, to, file), text);
    return { format: 'module-typescript', shortCircuit: true, source };
  },
});

function planted(text: string, from: string, to: string, file: string): string {
  if (text.split(from).length !== 2)
    throw new Error(`'${from}' does not stand exactly once in ${file}: the defect '${name}' cannot be planted`);
  return text.replace(from, () => to);
}
