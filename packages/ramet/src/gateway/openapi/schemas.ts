import { type JsonSchema, withoutSecrets } from '../../contract/index.ts';

/**
 * The schemas of a document. A contract's schema is a document of its own, whose references lead to its own root: one that has any is kept
 * among the components, and its references lead there.
 */
export class DocumentSchemas {
  readonly components: Record<string, object> = {};

  /** The schema as it stands in the document. @param name what it is called among the components, if it must be there */
  of(schema: JsonSchema, name: string): JsonSchema {
    const { $schema: _dialect, ...plain } = withoutSecrets(schema);
    if (!hasReference(plain)) return plain;
    const own = this.#freeName(name);
    this.components[own] = led(plain, `#/components/schemas/${own}`) as object;
    return { $ref: `#/components/schemas/${own}` };
  }

  /** The fields of an object's schema; one that refers to the whole of it does so among the components. */
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

/** The same schema with the references to its own root leading to `root`. */
function led(node: unknown, root: string): unknown {
  if (Array.isArray(node)) return node.map((each) => led(each, root));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([keyword, value]) =>
      keyword === '$ref' && typeof value === 'string' && value.startsWith('#')
        ? [keyword, root + value.slice(1)]
        : [keyword, led(value, root)],
    ),
  );
}
