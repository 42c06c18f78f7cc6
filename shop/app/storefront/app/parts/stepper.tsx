import type { Stage, StageState } from '../../model/journey.ts';
import { Icon } from './icons.tsx';

const STATES: Readonly<Record<StageState, string>> = {
  done: 'done',
  current: 'under way',
  failed: 'failed',
  undone: 'undone',
  waiting: 'not yet',
  skipped: 'not needed',
  ended: 'done',
};

const MARKS: Readonly<Partial<Record<StageState, 'done' | 'failed' | 'undone'>>> = {
  done: 'done',
  failed: 'failed',
  undone: 'undone',
  ended: 'done',
};

const time = new Intl.DateTimeFormat('en-IE', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The stages of a journey, side by side where there is room for it. */
export function Stepper({ stages, label, isTall = false }: { stages: readonly Stage[]; label: string; isTall?: boolean }) {
  return (
    <ol className={isTall ? 'stepper stepper-tall' : 'stepper'} aria-label={label}>
      {stages.map(({ name, state, note, at }) => (
        <li key={name} className={`stage stage-${state}`} aria-current={state === 'current' ? 'step' : undefined}>
          <span className="stage-mark">{MARKS[state] && <Icon name={MARKS[state]} />}</span>
          <span className="stage-name">
            {name}
            <span className="unseen">: {STATES[state]}</span>
          </span>
          {note && <span className="stage-note">{note}</span>}
          {at && (
            <time className="stage-time" dateTime={at}>
              {time.format(new Date(at))}
            </time>
          )}
        </li>
      ))}
    </ol>
  );
}
