import { type ComponentProps, useId } from 'react';

/** An input with its label, a hint and what is wrong with it, all announced to people who cannot see them beside each other. */
export function Field({
  label,
  hint: hintOrNone,
  keepsHint = false,
  problem,
  ...input
}: Omit<ComponentProps<'input'>, 'id'> & { label: string; hint?: string | undefined; keepsHint?: boolean; problem?: string | undefined }) {
  const id = useId();
  // What is wrong says the same more urgently, where the hint is about what to type.
  const hint = problem && !keepsHint ? undefined : hintOrNone;
  const told = [hint ? `${id}-hint` : '', problem ? `${id}-problem` : ''].filter(Boolean).join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} aria-invalid={problem ? true : undefined} aria-describedby={told || undefined} />
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {problem && (
        <p className="field-problem" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </div>
  );
}

/** Puts the cursor into the first input that something is wrong with. */
export function focusFirstProblem(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
