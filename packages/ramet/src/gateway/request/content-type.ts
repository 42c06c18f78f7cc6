const TOKEN = "[a-z0-9!#$%&'*+.^_`|~-]+";
const JSON_TYPE = new RegExp(
  `^application/(?:[a-z0-9][a-z0-9.+-]*\\+)?json((?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|"[^"\\\\]*"))*)[ \\t]*$`,
  'i',
);
const PARAMETER = new RegExp(`;[ \\t]*(${TOKEN})=(?:"([^"]*)"|(${TOKEN}))`, 'gi');

/**
 * Whether a `Content-Type` names JSON in UTF-8, the only content that is read here. Blanks are accepted only where RFC 9110 allows
 * them, and only UTF-8 as a character set, once: another reader might take the body for something else.
 */
export function isJson(contentType: string | undefined): boolean {
  const parameters = JSON_TYPE.exec(contentType ?? '')?.[1];
  if (parameters === undefined) return false;
  const charsets = [...parameters.matchAll(PARAMETER)].filter(([, name]) => name?.toLowerCase() === 'charset');
  return charsets.length === 0 || (charsets.length === 1 && /^utf-8$/i.test(charsets[0]?.[2] ?? charsets[0]?.[3] ?? ''));
}
