import { join } from 'node:path';
import { Command, Option } from 'commander';
import { type AdminOptions, ask, CliError } from './client.ts';
import { addDeploy } from './deploy.ts';
import { addMove } from './move.ts';
import { addNew } from './new.ts';
import {
  type DeadLetter,
  deadLetterDetail,
  deadLetterList,
  givenUpList,
  sagaDetail,
  sagaList,
  scheduleList,
  subscriptionList,
  unansweredLines,
} from './render.ts';

const program = new Command('ramet')
  .description('Watches and operates a running Ramet process, and those that it is connected with, over its admin interface')
  .option('--admin <url>', 'address of the admin interface', `http://127.0.0.1:${process.env['ADMIN_PORT'] || 3001}`)
  .option('--token-file <file>', 'file with its token', join(process.env['DATA_DIR'] || '.data', 'admin.token'))
  .option('--json', 'print what the process answered, as JSON');

const options = () => program.opts<AdminOptions & { json?: boolean }>();
const print = (answer: unknown, render: (answer: any) => string): void => {
  for (const line of unansweredLines(answer)) process.stderr.write(`${line}\n`);
  process.stdout.write(`${options().json ? JSON.stringify(answer, null, 2) : render(answer)}\n`);
};

const saga = program.command('saga').description('sagas: what they did, and what a person has to decide');
saga
  .command('list')
  .description('the newest sagas')
  .option('--attention', 'only those that wait for a person')
  .option('--state <state>', 'only those in this state, such as COMPENSATING')
  .option('--limit <n>', 'how many', '50')
  .action(async (filter: { attention?: boolean; state?: string; limit: string }) => {
    const query = new URLSearchParams({
      limit: filter.limit,
      ...(filter.attention ? { attention: 'true' } : {}),
      ...(filter.state ? { state: filter.state } : {}),
    });
    print(await ask(options(), `/sagas?${query}`), (answer) => sagaList(answer.items));
  });
saga
  .command('show <sagaId>')
  .description('one saga with its steps and its log')
  .action(async (id: string) => print(await ask(options(), `/sagas/${encodeURIComponent(id)}`), sagaDetail));

const act = async (id: string, action: object) =>
  print(await ask(options(), `/sagas/${encodeURIComponent(id)}/actions`, action), sagaDetail);
const reason = () => new Option('--reason <text>', 'why: written to the log of the saga').makeOptionMandatory();
const step = () => new Option('--step <name>', 'the step, as `ramet saga show` names it').makeOptionMandatory();
saga
  .command('retry <sagaId>')
  .description('try the failed undos again; run the program of a diverged saga again')
  .action((id: string) => act(id, { kind: 'retry' }));
saga
  .command('resolve <sagaId>')
  .description('say what became of a step: absent (its effect is not there any more) or applied (it is there: undo it)')
  .addOption(step())
  .addOption(new Option('--effect <effect>', 'what you found').choices(['applied', 'absent']).makeOptionMandatory())
  .addOption(reason())
  .action((id: string, given: { step: string; effect: string; reason: string }) => act(id, { kind: 'resolve', ...given }));
saga
  .command('skip <sagaId>')
  .description('leave the effect of a step as it is, for good')
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
  .description('ask a running saga to stop and undo itself')
  .addOption(reason())
  .action((id: string, given: { reason: string }) => act(id, { kind: 'cancel', ...given }));

program
  .command('subscriptions')
  .description('who takes which events, and which subscriptions stand at one')
  .action(async () => print(await ask(options(), '/subscriptions'), (answer) => subscriptionList(answer.items)));
program
  .command('schedules')
  .description('what is done at certain times: when next, and how the last run went')
  .action(async () => print(await ask(options(), '/schedules'), (answer) => scheduleList(answer.items)));

const letters = program.command('dead-letters').description('events that a subscriber could not handle');
letters.command('list').action(async () => print(await ask(options(), '/dead-letters'), (answer) => deadLetterList(answer.items)));
letters
  .command('show <letterId>')
  .description('where its last attempt failed')
  .action(async (id: string) =>
    print(await ask(options(), '/dead-letters'), (answer) =>
      deadLetterDetail((answer.items as DeadLetter[]).find((letter) => letter.id === id)),
    ),
  );
for (const how of ['replay', 'discard'] as const) {
  letters
    .command(`${how} <letterId>`)
    .description(
      how === 'replay'
        ? 'handle it again, then what waits behind it; a subscription that stands at it goes on'
        : 'leave it out, and go on with what waits behind it',
    )
    .action(async (id: string) =>
      print(await ask(options(), `/dead-letters/${encodeURIComponent(id)}/${how}`, {}), (answer) => `${how}ed for ${answer.subscriber}`),
    );
}

const givenUp = program.command('given-up').description('sent commands and schedules that ended the process at each of their starts');
givenUp.command('list').action(async () => print(await ask(options(), '/given-up'), (answer) => givenUpList(answer.items)));
givenUp
  .command('retry <id>')
  .description('start it again, eight times at most')
  .action(async (id: string) =>
    print(
      await ask(options(), `/given-up/${encodeURIComponent(id)}/retry`, {}),
      (answer) => `${answer.id} of ${answer.service} is due again`,
    ),
  );

addDeploy(program);
addMove(program);
addNew(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
