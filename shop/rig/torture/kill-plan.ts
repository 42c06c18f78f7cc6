import type { Random } from './random.ts';

/** How one life of the shop is to end. */
export type Death =
  /** The whole process group is killed so long after it was ready. */
  | { readonly kind: 'moment'; readonly afterReadyMs: number }
  /** So long after it was started, ready or not. */
  | { readonly kind: 'start'; readonly afterStartMs: number }
  /** The process kills itself when it comes to a named point of the platform for the n-th time; when it never does, it is killed. */
  | { readonly kind: 'point'; readonly stopAt: string; readonly giveUpMs: number };

/** The points, and at most how often one is passed before it counts. */
export const POINTS: Readonly<Record<string, number>> = {
  'sqlite.commit': 300,
  'saga.saved': 150,
  'saga.call': 100,
  'saga.called': 100,
  'effect.perform': 30,
  'effect.performed': 30,
  'effect.recorded': 30,
  'consumer.claimed': 80,
  'consumer.handled': 250,
};
const POINT_GIVE_UP_MS = 3_000;

export interface KillPlan {
  readonly kills: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
}

/** Longer than a start takes on a quiet machine. */
const START_MS = 1_500;

/**
 * Every third life ends at a point, some while they start, the others at a moment; all of it is decided before the first one
 * begins.
 */
export function planDeaths({ kills, secondsMin, secondsMax }: KillPlan, random: Random): Death[] {
  return Array.from({ length: kills }, (): Death => {
    const kind = random.weighted({ point: 40, start: 8, moment: 72 });
    if (kind === 'start') return { kind, afterStartMs: Math.round(random.between(0, START_MS)) };
    if (kind === 'moment') return { kind, afterReadyMs: Math.round(random.between(secondsMin, secondsMax) * 1_000) };
    const point = random.pick(Object.keys(POINTS));
    // Squared: the first times are those during recovery, and there the interesting windows are close together.
    const nth = 1 + Math.floor(random.next() ** 2 * (POINTS[point] as number));
    return { kind, stopAt: `${point}#${nth}`, giveUpMs: POINT_GIVE_UP_MS };
  });
}
