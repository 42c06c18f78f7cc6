/** A mistake that others have made, and that the simulator must find. */
export interface Defect {
  readonly what: string;
  /** The simulation that shows it. */
  readonly scenario: 'checkout' | 'bank' | 'ways';
  readonly changes: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

const IN_CODE_ORDER = {
  file: 'saga/program/deliveries.ts',
  from: '.sort((a, b) => (a.delivery as number) - (b.delivery as number))',
  to: '.sort((a, b) => a.idx - b.idx)',
};
const UNREACHED_SKIPPED = [
  { file: 'saga/program/deliveries.ts', from: 'if (!missing) return undefined;', to: 'if (!missing || asked.size >= 0) return undefined;' },
  {
    file: 'saga/program/deliveries.ts',
    from: '    const next = this.#recorded[0];\n    const missing',
    to: `    while (this.#recorded[0] && !this.#options.asked.has(this.#recorded[0].name)) this.#recorded.shift();
    const due = this.#next();
    if (due) return void this.#turn(due);
    const next = this.#recorded[0];
    const missing`,
  },
];

export const defects: Readonly<Record<string, Defect>> = {
  'outcomes-in-code-order': {
    what: 'a program that runs again gets its outcomes in the order in which it requests them',
    scenario: 'ways',
    changes: [IN_CODE_ORDER],
  },
  'unreached-rows-skipped': {
    what: 'rows of a journal that its program does not request are skipped',
    scenario: 'ways',
    changes: UNREACHED_SKIPPED,
  },
  'outcomes-in-code-order-and-unreached-rows-skipped': {
    what: 'both: a program that runs again may take another way, and no check notices',
    scenario: 'ways',
    changes: [IN_CODE_ORDER, ...UNREACHED_SKIPPED],
  },
  'completed-steps-only': {
    what: 'after a failure only the steps that are known to be done are undone',
    scenario: 'bank',
    changes: [{ file: 'saga/run/compensation.ts', from: "step.state !== 'REJECTED' &&", to: "step.state === 'OK' &&" }],
  },
  'no-tombstone': {
    what: 'an undo that finds nothing leaves nothing behind',
    scenario: 'bank',
    changes: [
      {
        file: 'service/fences/participant.ts',
        from: "if (await raiseFence(tx, 'CANCELLED', fencedBy(call, step))) return answer(OK);",
        to: 'if (!(await fenceOf(tx, step.key))) return answer(OK);',
      },
    ],
  },
  'acknowledge-before-commit': {
    what: 'events count as settled before they are handled',
    scenario: 'bank',
    changes: [
      {
        file: 'bus/consumer/intake/by-key.ts',
        from: 'await progress.claim(first.pos - 1, batch.through, 0);',
        to: 'await progress.claim(batch.through, batch.through, 0);',
      },
    ],
  },
  'no-version-check': {
    what: "a saga's row is written without looking who owns it and whether it has changed",
    scenario: 'bank',
    changes: [
      {
        file: 'saga/journal/journal.ts',
        from: 'where id = ? and epoch = ? and version = ?${',
        to: 'where id = ? and ? is not null and ? is not null${',
      },
    ],
  },
  'attempts-not-persisted': {
    what: 'how often an undo was tried is forgotten in a crash',
    scenario: 'bank',
    changes: [{ file: 'saga/journal/journal.ts', from: '    step.compAttempt,\n', to: '    0,\n' }],
  },
  'undo-not-deduplicated': {
    what: 'an undo that comes twice is done twice',
    scenario: 'bank',
    changes: [
      {
        file: 'service/fences/participant.ts',
        from: 'switch (fence.state) {',
        to: "switch (fence.state === 'UNDONE' ? 'DONE' : fence.state) {",
      },
    ],
  },
  'intent-after-call': {
    what: 'what is about to be done is written down when it is done',
    scenario: 'bank',
    changes: [
      {
        file: 'saga/program/program-steps.ts',
        from: 'known ?? (await intend(run, intent));',
        to: 'known ?? addStep(run, intent);',
      },
      {
        file: 'saga/program/program-steps.ts',
        from: 'if (run.stopped.aborted) throw run.stopped.reason;\n        if (stored',
        to: 'if (run.stopped.aborted) throw run.stopped.reason;\n        if (!known) await run.intend(stored, false);\n        if (stored',
      },
    ],
  },
  'inbox-key-without-subscriber': {
    what: 'an event that one subscriber has taken over counts as taken by all of the service',
    scenario: 'bank',
    changes: [
      {
        file: 'bus/consumer/inbox.ts',
        from: "on conflict do nothing',\n      subscriber,\n      envelope.id,",
        to: "on conflict do nothing',\n      'anybody',\n      envelope.id,",
      },
    ],
  },
  'half-open-lets-all-through': {
    what: 'a breaker that tries again tries with everybody who asks',
    scenario: 'bank',
    changes: [{ file: 'rpc/policies/breaker.ts', from: 'inner.inFlight < PROBES_MAX ? 0', to: 'inner.inFlight < 1_000_000 ? 0' }],
  },
  'retry-without-budget': {
    what: 'every failed call is repeated, however many fail',
    scenario: 'bank',
    changes: [
      {
        file: 'rpc/running-call.ts',
        from: 'if (!target.budget.withdraw(nowMono)) {',
        to: 'if (target.budget.withdraw(nowMono) === undefined) {',
      },
    ],
  },
};
