import { type JsonSchema, withoutSecrets } from '../../contract/index.ts';

/**
 * The schemas of a document. References in the schema of a contract point to the root of that schema. A schema with references is kept
 * among the components, and its references point there.
 */
export class DocumentSchemas {
  readonly components: Record<string, object> = {};

  /** Makes the schema for the document. @param name its name among the components, if it must be there */
  of(schema: JsonSchema, name: string): JsonSchema {
    const { $schema: _dialect, ...plain } = withoutSecrets(schema);
    if (!hasReference(plain)) return plain;
    const own = this.#freeName(name);
    this.components[own] = rooted(plain, `#/components/schemas/${own}`) as object;
    return { $ref: `#/components/schemas/${own}` };
  }

  /** Finds the fields of an object's schema. A field that refers to the whole schema refers to the component. */
  fieldsOf(schema: JsonSchema, name: string): { properties: Record<string, JsonSchema>; required: readonly string[] } {
    const { $ref: reference } = this.of(schema, name) as { $ref?: string };
    const whole =
      reference === undefined ? withoutSecrets(schema) : (this.components[reference.slice('#/components/schemas/'.length)] as JsonSchema);
    const target = whole['$ref'] === undefined ? whole : (this.#target(whole['$ref'] as string) ?? whole);
    return {
      properties: (target['properties'] ?? {}) as Record<string, JsonSchema>,
      required: (target['required'] ?? []) as readonly string[],
    };
  }

  #target(reference: string): JsonSchema | undefined {
    const path = reference.slice('#/components/schemas/'.length).split('/');
    return path.reduce<any>((at, part) => at?.[part], this.components);
  }

  #freeName(name: string): string {
    let free = name;
    for (let n = 2; free in this.components; n++) free = `${name}${n}`;
    return free;
  }
}

function hasReference(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  return '$ref' in node || Object.values(node).some(hasReference);
}

/** Makes a copy of a schema whose references to its root point to `root`. */
function rooted(node: unknown, root: string): unknown {
  if (Array.isArray(node)) return node.map((each) => rooted(each, root));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([keyword, value]) =>
      keyword === '$ref' && typeof value === 'string' && value.startsWith('#')
        ? [keyword, root + value.slice(1)]
        : [keyword, rooted(value, root)],
    ),
  );
}
