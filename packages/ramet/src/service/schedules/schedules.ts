import { NEVER } from '../../rpc/index.ts';
import { serviceCaller } from '../../security/index.ts';
import type { Tx } from '../../store/index.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { UnitOfWork, WorkOrigin } from '../unit-of-work.ts';
import type { Schedule } from './schedule.ts';
import { type HostedSchedule, ScheduleWorker } from './schedule-worker.ts';
import { compileTiming } from './timing.ts';

const NAME = /^[a-z][a-z0-9 -]*$/;

/** Returns the problems of a service's schedules. */
export function scheduleProblems(service: string, schedules: readonly Schedule<any, any>[]): string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  for (const { name, timing } of schedules) {
    const report = (problem: string) => problems.push(`service '${service}', schedule '${name}': ${problem}`);
    if (!NAME.test(name)) report('name it with lower-case letters, digits, spaces and hyphens');
    if (names.has(name)) report('two schedules have this name; rename one');
    names.add(name);
    try {
      compileTiming(timing);
    } catch (error) {
      report((error as Error).message);
    }
  }
  return problems;
}

/** Makes the worker that runs the schedules of a service. Each run is one transaction, with the same context as a command. */
export function hostSchedules(
  { contract, schedules }: ServiceDefinition,
  environment: Omit<ConstructorParameters<typeof ScheduleWorker>[0], 'schedules'> & {
    readonly unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork;
  },
): ScheduleWorker {
  const { unitOfWork } = environment;
  const scheduled = schedules.map(
    ({ name, timing, run }): HostedSchedule => ({
      name,
      timing: compileTiming(timing),
      async run(tx, due, trace) {
        const work = unitOfWork(tx, { caller: serviceCaller(contract.name), trace, cancellation: NEVER });
        await run(Object.assign(work.context(undefined), { schedule: { name, due } }));
        await work.flush();
      },
    }),
  );
  return new ScheduleWorker({ ...environment, schedules: scheduled });
}
