/** An expression that a reader has to read twice, and what to write. */
export interface Expression {
  readonly pattern: RegExp;
  readonly instead: string;
}

/** `\u0001` is where a comment or a string begins. */
function say(pattern: string, instead: string): Expression {
  return { pattern: new RegExp(pattern.replaceAll(' ', String.raw`\s+`), 'gi'), instead };
}

const BE = '(?:is|are|was|were|be|been|being)';

/**
 * Words of the translated English that this repository was written in, each with the plain word.
 * A pattern must find the idiom and no innocent use of the same word.
 */
export const VOCABULARY: readonly Expression[] = [
  say(String.raw`\b(?:told|tells)\b`, '"notified", "reported" or, of documents, "says"'),
  say(String.raw`\bwhoever\b`, 'the noun: the caller, the process, the client, the owner'),
  say(
    String.raw`\b(?:of|by|from|to|for|than|only|with|unless|when|if|that|while|because|before|after) who\b|(?<=(?:[.:;\u0001]|\n[ \t]*\n|^)\s*)who\b(?![^.?\n\u0001]*\?)`,
    'the noun: the caller, the process, the client, the owner',
  ),
  say(String.raw`\b(?:nobody|somebody)\b`, '"no process", "an operator", "another client": the noun that is meant'),
  say(String.raw`\banew\b`, '"again"'),
  say(String.raw`\b(?:go|goes|went|going|gone) on\b(?! (?:the|a|an|top|its|each|every|one|this|that|disk)\b)`, '"continue"'),
  say(String.raw`\b(?:put|puts|putting) down\b|\bout of (?:its |their )?hands?\b`, '"released"'),
  say(String.raw`\b(?:taken|take|takes|took|taking) up\b(?! (?:to|memory|space|room|time|\d))`, '"resumed"'),
  say(String.raw`\b(?:${BE}|stay|stays|stayed) away\b`, '"is unavailable"'),
  say(String.raw`\bshuts?\b(?![ -]down)`, '"open", of a circuit; else "closed"'),
  say(String.raw`\b(?:let|lets|letting)(?: [\w-]+){0,3} through\b`, '"allows"'),
  say(String.raw`\b(?:stand|stands|standing|stood) (?:at|still)\b`, '"is halted at"'),
  say(String.raw`\b(?:has|have|had)(?: not| never| already)? come\b`, '"has arrived"'),
  say(String.raw`(?<!promises? )\b(?:was|were|been|is|are)(?: not| already)? settled\b`, '"was processed"'),
  say(
    String.raw`(?<!\bthere )\b(?:is|are|was|were) no (?!longer|more\b|less\b|fewer|later|earlier|other|better|worse|different|doubt|use\b|need\b)(?=\w)`,
    '"is not a …"',
  ),
  say(String.raw`\b(?:has|have|had) no(?: [\w-]+){1,4} of (?:its|their|his) own\b`, '"does not have its own …"'),
  say(String.raw`\b(?:ask|asks|asked|asking) for\b`, '"requests" or "looks up"'),
  say(String.raw`\bhow far\b(?= (?!ahead|behind|back|apart)\w)`, '"progress"'),
  say(String.raw`\bhow (?!often|many|much|long|far)(?:it|they|this|that|[a-z]+ [a-z]+) (?:end|ends|ended|went|goes)\b`, '"outcome"'),
  say(String.raw`\b(?:left|leaves?|leaving)(?: it| them)? out\b`, '"excluded", of a list; "optional", of a field'),
  say(String.raw`\b(?:he|she|him|his|her|hers|himself|herself)\b`, '"it" of a program, "they" of a person, or the noun'),
  say(String.raw`\bnought\b`, '"zero"'),
  say(String.raw`\bthus\b`, '"so"'),
  say(String.raw`\bshall\b`, '"must"'),
  say(String.raw`\b(?:henceforth|hereby)\b`, '"from now on"'),
  say(String.raw`\bfrom then on\b`, '"after that"'),
  say(String.raw`\ball the same\b`, '"anyway"'),
  say(String.raw`\bby (?:itself|themselves)\b`, '"alone"'),
];
