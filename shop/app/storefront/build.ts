import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { dist, MARK, sourcesHash } from './fresh.ts';
import config from './vite.config.ts';

/**
 * Builds the storefront: a process of its own, so that what Vite sets and keeps in memory is not the shop's. Several may
 * build at once, and others may read meanwhile: every file appears whole, the page after what it loads, and the mark last.
 */
const hash = sourcesHash();
// Within what git ignores, and under a name that is not served.
const made = join(dist, `.${process.pid}`);
try {
  await build({ ...config, build: { ...config.build, outDir: made, emptyOutDir: true } });
  const assets = await readdir(join(made, 'assets'));
  await mkdir(join(dist, 'assets'), { recursive: true });
  for (const name of assets) await rename(join(made, 'assets', name), join(dist, 'assets', name));
  for (const entry of await readdir(made, { withFileTypes: true })) {
    if (entry.isFile()) await rename(join(made, entry.name), join(dist, entry.name));
  }
  for (const name of await readdir(join(dist, 'assets'))) if (!assets.includes(name)) await rm(join(dist, 'assets', name), { force: true });
  await writeFile(join(dist, MARK), hash);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await rm(made, { recursive: true, force: true });
}
