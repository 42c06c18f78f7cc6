import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AdminBody, AdminItem, AdminQuery } from 'ramet/admin';
import { type AdminOptions, ask } from './client.ts';
import { askList, type List, type ListName, notesOf } from './lists.ts';
import { deadLetterDetail, deadLetterList, givenUpList, sagaDetail, sagaList, scheduleList, subscriptionList } from './render.ts';

/** What the commands share: the options of the program, and how answers are printed. */
interface Terminal {
  readonly options: () => AdminOptions;
  print<Answer>(answer: Answer, render: (answer: Answer) => string): void;
  printList<Item>(list: List<Item>, render: (items: readonly Item[]) => string): void;
}

const LIMIT = '50';
const limit = () =>
  new Option('--limit <n>', 'how many at most').default(Number(LIMIT), LIMIT).argParser((text) => {
    if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1.');
    return Number(text);
  });
const reason = () => new Option('--reason <text>', 'why; written to the log of the saga').makeOptionMandatory();
const step = () => new Option('--step <name>', 'the step, as `ramet saga show` names it').makeOptionMandatory();

/** Adds the commands that watch and operate a running process over its admin interface. */
export function addOperate(program: Command): void {
  const options = () => program.opts<AdminOptions & { json?: boolean }>();
  const write = (answer: unknown, text: () => string) =>
    void process.stdout.write(`${options().json ? JSON.stringify(answer, null, 2) : text()}\n`);
  const terminal: Terminal = {
    options,
    print: (answer, render) => write(answer, () => render(answer)),
    printList(list, render) {
      for (const note of notesOf(list)) process.stderr.write(`${note}\n`);
      write(list, () => render(list.items));
    },
  };
  addSagas(program, terminal);
  addEvents(program, terminal);
  addWork(program, terminal);
}

/** Makes the action of a command that prints a list. */
const listing =
  <Name extends ListName>({ options, printList }: Terminal, name: Name, render: (items: readonly AdminItem<Name>[]) => string) =>
  async ({ limit: most, ...filters }: { limit?: number } = {}): Promise<void> =>
    printList(await askList(options(), name, filters as AdminQuery<Name>, most), render);

function addSagas(program: Command, terminal: Terminal): void {
  const { options, print } = terminal;
  const saga = program.command('saga').description('sagas: what they did, and what an operator has to decide');
  const list = listing(terminal, 'GET /sagas', sagaList);
  saga
    .command('list')
    .description('list the newest sagas')
    .option('--attention', 'only those that need an operator')
    .option('--state <state>', 'only those in this state, such as COMPENSATING')
    .addOption(limit())
    .action(({ attention, ...filters }: { attention?: boolean; state?: string; limit: number }) =>
      list({ ...filters, ...(attention ? { attention: 'true' } : {}) }),
    );
  saga
    .command('show <sagaId>')
    .description('show one saga with its steps and its log')
    .action(async (id: string) => print(await ask(options(), 'GET /sagas/:id', { id }), sagaDetail));
  const act = async (id: string, body: AdminBody<'POST /sagas/:id/actions'>) =>
    print(await ask(options(), 'POST /sagas/:id/actions', { id, body }), sagaDetail);
  saga
    .command('retry <sagaId>')
    .description('try the failed undos again, or run the program of a diverged saga again')
    .action((id: string) => act(id, { kind: 'retry' }));
  saga
    .command('resolve <sagaId>')
    .description('say what became of a step: absent (it has no effect any more) or applied (it took effect: undo it)')
    .addOption(step())
    .addOption(new Option('--effect <effect>', 'what you found').choices(['applied', 'absent']).makeOptionMandatory())
    .addOption(reason())
    .action((id: string, given: { step: string; effect: 'applied' | 'absent'; reason: string }) => act(id, { kind: 'resolve', ...given }));
  saga
    .command('skip <sagaId>')
    .description('keep the effect of a step, for good')
    .addOption(step())
    .addOption(reason())
    .action((id: string, given: { step: string; reason: string }) => act(id, { kind: 'skip', ...given }));
  saga
    .command('compensate <sagaId>')
    .description('undo a diverged saga')
    .addOption(reason())
    .action((id: string, given: { reason: string }) => act(id, { kind: 'compensate', ...given }));
  saga
    .command('cancel <sagaId>')
    .description('ask a running saga to stop and undo its steps')
    .addOption(reason())
    .action((id: string, given: { reason: string }) => act(id, { kind: 'cancel', ...given }));
}

function addEvents(program: Command, terminal: Terminal): void {
  const { options, print } = terminal;
  program
    .command('subscriptions')
    .description('list the subscriptions: which events each takes, and where it is halted')
    .action(() => listing(terminal, 'GET /subscriptions', subscriptionList)());
  const letters = program.command('dead-letters').description('events that a subscriber could not handle');
  letters
    .command('list')
    .description('list the newest dead letters')
    .addOption(limit())
    .action(listing(terminal, 'GET /dead-letters', deadLetterList));
  letters
    .command('show <letterId>')
    .description('show where the last attempt failed')
    .action(async (id: string) => print(await ask(options(), 'GET /dead-letters/:id', { id }), deadLetterDetail));
  letters
    .command('replay <letterId>')
    .description('handle the event again, then the events that wait behind it; a halted subscription continues')
    .action(async (id: string) =>
      print(await ask(options(), 'POST /dead-letters/:id/replay', { id }), ({ subscriber }) => `replayed for ${subscriber}`),
    );
  letters
    .command('discard <letterId>')
    .description('skip the event for good, and handle the events that wait behind it')
    .action(async (id: string) =>
      print(await ask(options(), 'POST /dead-letters/:id/discard', { id }), ({ subscriber }) => `discarded for ${subscriber}`),
    );
}

function addWork(program: Command, terminal: Terminal): void {
  const { options, print } = terminal;
  program
    .command('schedules')
    .description('list the schedules: the next run of each, and how the last one ended')
    .action(() => listing(terminal, 'GET /schedules', scheduleList)());
  const givenUp = program.command('given-up').description('sent commands and schedules that ended the process at each of their starts');
  givenUp
    .command('list')
    .description('list the newest given-up work')
    .addOption(limit())
    .action(listing(terminal, 'GET /given-up', givenUpList));
  givenUp
    .command('retry <id>')
    .description('start it again, up to eight times')
    .action(async (id: string) =>
      print(await ask(options(), 'POST /given-up/:id/retry', { id }), ({ service }) => `${id} of ${service} is due again`),
    );
}
