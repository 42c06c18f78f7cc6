import { type Codec, compileSchema, isSecretField } from '../../contract/index.ts';
import { RametError } from '../../errors/index.ts';
import { Settings } from '../../platform/index.ts';
import type { Saga } from '../../saga/index.ts';

const VERSION_MAX = 1_000_000_000;
const NAME = /^(?=.{1,100}$)[\p{L}\p{N}]+(?:[ ._-][\p{L}\p{N}]+)*$/u;

/** The compiled inputs of a service's sagas. */
export class SagaCodecs {
  readonly #codecs = new Map<string, Codec>();

  /** Compiles the inputs of sagas. @returns the codecs, and the problems of the sagas */
  static compile(service: string, sagas: readonly Saga[]): { codecs: SagaCodecs; problems: string[] } {
    const codecs = new SagaCodecs();
    const problems: string[] = [];
    const versions = new Set<string>();
    for (const saga of sagas.flatMap((current) => [current, ...current.previous])) {
      const where = `service '${service}', saga '${saga.name}'`;
      if (versions.has(`${saga.name}@${saga.version}`))
        problems.push(`${where}: version ${saga.version} is listed twice; give each program its own`);
      versions.add(`${saga.name}@${saga.version}`);
      const settings = new Settings(`${where}: `);
      settings.count('version', saga.version, 1, 1, VERSION_MAX);
      if (!NAME.test(saga.name))
        settings.report('name it with 1 to 100 letters, digits, dots, hyphens, underscores and single spaces between them');
      problems.push(...settings.problems);
      const { codec, problems: wrong } = compileSchema(saga.input);
      for (const problem of wrong) problems.push(`${where}, input: ${problem}`);
      const properties = codec.jsonSchema['properties'] as Record<string, unknown> | undefined;
      if (wrong.length === 0 && !(saga.key in (properties ?? {})))
        problems.push(`${where}: its key '${saga.key}' is not a field of its input`);
      else if (wrong.length === 0 && isSecretField(codec.shapes, saga.key))
        problems.push(`${where}: its key '${saga.key}' is marked as a secret, but keys are shown; choose another key`);
      for (const event of saga.waitsFor) {
        const of = `'${event.service}.${event.name}', which it waits for`;
        for (const problem of compileSchema(event.schema).problems) problems.push(`${where}, ${of}: ${problem}`);
      }
      if (!codecs.#codecs.has(saga.name)) codecs.#codecs.set(saga.name, codec);
    }
    return { codecs, problems };
  }

  /** Validates an input. @throws RametError InvalidOutput when it does not fit */
  decode(saga: Saga, input: unknown): Record<string, unknown> {
    const decoded = this.#codecs.get(saga.name)?.decode(input);
    if (!decoded) throw new RametError('Internal', `saga '${saga.name}' is not listed in 'sagas' of its service`);
    if (!decoded.ok) throw new RametError('InvalidOutput', `the input of saga '${saga.name}' does not fit`, { issues: decoded.issues });
    return decoded.value as Record<string, unknown>;
  }
}
