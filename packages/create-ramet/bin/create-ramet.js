#!/usr/bin/env node
import { existsSync } from 'node:fs';

// The published package has only the build; the repository only the source, which Node 24 runs as it is.
const built = new URL('../dist/main.js', import.meta.url);
await import(existsSync(built) ? built.href : new URL('../src/main.ts', import.meta.url).href);
