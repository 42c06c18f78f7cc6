import type { Tx } from '../../store/index.ts';
import { createDispatcher } from '../calls/dispatcher.ts';
import { Door } from '../calls/door.ts';
import { LoopLag } from '../calls/shedding.ts';
import type { ServiceDefinition } from '../definition.ts';
import { compileEffects } from '../effects/compiled-effect.ts';
import { EffectRunner } from '../effects/effect-runner.ts';
import { maskerOf } from '../sagas/masker.ts';
import { deliveries } from '../sent-commands.ts';
import { KeptEvents } from '../subscriptions/kept-events.ts';
import { hostListener } from '../subscriptions/listener.ts';
import { hostSubscriptions } from '../subscriptions/subscriptions.ts';
import { UnitOfWork, type WorkOrigin } from '../unit-of-work.ts';
import { hostEngine, hostRetention, hostScheduleWorker, type Worker } from './background.ts';
import { type HostBase, hostBase, targetsOf } from './base.ts';
import type { HostEnvironment, HostedService } from './hosted-service.ts';

/** Puts a service together on its store. Nothing runs until `start`. */
export function hostService(definition: ServiceDefinition, environment: HostEnvironment): HostedService {
  const base = hostBase(definition, environment);
  const { platform, store, name, contract, transport, outbound, uses, outbox, changes, log, metrics, owner, instrument } = base;
  const kept = new KeptEvents();
  const listener = hostListener(definition, base.subscriptions, kept);
  const engine = hostEngine(base, listener);
  kept.listen((woken) => {
    engine?.rouse();
    if (woken) engine?.poke();
  });
  const due = deliveries({ platform, store, transport, outbound, service: name, log, postAlert: base.postAlert });
  const work = {
    platform,
    contract,
    targets: targetsOf(definition),
    outbox,
    changes,
    log,
    metrics,
    sagaCodecs: base.sagaCodecs,
    engine,
    wakeDue: () => due.wake(),
  };
  const unitOfWork = (tx: Tx, origin: WorkOrigin) => new UnitOfWork(work, origin, tx);
  const { effects } = compileEffects(definition, contract);
  const runner = new EffectRunner({ platform, store, log, metrics, effects, externals: uses.all, unitOfWork, owner, instrument });
  const consumers = [...hostSubscriptions(definition, { ...base.subscriptions, unitOfWork }), ...(listener ? [listener] : [])];
  const schedules = hostScheduleWorker(base, unitOfWork);
  const workers: readonly Worker[] = [due, ...hostRetention(base), schedules, runner, ...consumers];
  return {
    name,
    contract,
    definition,
    dispatcher: createDispatcher({ ...callsOf(base), effects, runner, unitOfWork }),
    outbox,
    store,
    consumers,
    engine,
    masker: maskerOf(definition),
    wake() {
      due.wake();
      schedules.wake();
    },
    start() {
      for (const worker of workers) worker.start();
      engine?.start();
    },
    endWaits: () => changes.end(),
    async quiesce() {
      await engine?.stop();
      await Promise.all(workers.map((worker) => worker.stop()));
      await Promise.all(consumers.map((subscription) => subscription.flush().catch(() => {})));
    },
    async release() {
      await engine?.release();
      await runner.release();
    },
  };
}

/** What the calls of a service are answered with, without what its effects need. */
function callsOf(base: HostBase) {
  const { platform, definition, contract, store, log, metrics, uses, changes, instrument } = base;
  return {
    platform,
    definition,
    contract,
    store,
    log,
    metrics,
    clients: uses.all,
    changes,
    lag: base.loopLag ?? new LoopLag(platform),
    door: base.door ?? new Door(),
    instrument,
  };
}
