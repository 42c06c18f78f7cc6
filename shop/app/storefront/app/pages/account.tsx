import { type FormEvent, useState } from 'react';
import type { Trouble } from '../../model/problems.ts';
import { registerPath, signInPath } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { api, troubleIn } from '../api.ts';
import { navigate } from '../navigation.ts';
import { Field, focusFirstProblem } from '../parts/field.tsx';
import { Link } from '../parts/link.tsx';
import { TroubleNote } from '../parts/trouble.tsx';
import { begin } from '../session.ts';
import { useTitle } from '../title.ts';

const SHORTEST_PASSWORD = 8;

/** Signing in, and registering, which is the same with a name. @param next where to go then */
export function AccountPage({ isNew, next }: { isNew: boolean; next: string }) {
  const title = isNew ? 'Create an account' : 'Sign in';
  useTitle(title);
  const [problems, setProblems] = useState<{ name?: string; email?: string; password?: string }>({});
  const [trouble, setTrouble] = useState<Trouble>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (form: HTMLFormElement) => {
    const text = (field: string) => String(new FormData(form).get(field) ?? '');
    const [name, email, password] = [text('name').trim(), text('email').trim(), text('password')];
    const found = {
      ...(isNew && name === '' ? { name: 'Tell us your name' } : {}),
      ...(/^\S+@\S+\.\S+$/.test(email) ? {} : { email: 'An email address looks like ada@example.org' }),
      ...(password.length < (isNew ? SHORTEST_PASSWORD : 1)
        ? { password: isNew ? `At least ${SHORTEST_PASSWORD} characters, please` : 'Enter your password' }
        : {}),
    };
    setProblems(found);
    if (Object.keys(found).length > 0) return focusFirstProblem(form);
    setBusy(true);
    setTrouble(undefined);
    try {
      if (isNew) await api('POST', '/api/users', { body: { name, email, password } });
      const { accessToken, expiresIn } = await api<{ accessToken: string; expiresIn: number }>('POST', '/api/sessions', {
        body: { email, password },
      });
      begin(email, accessToken, expiresIn);
      announce('You are signed in.');
      navigate(next, { replace: true });
    } catch (error) {
      const happened = troubleIn(error);
      setTrouble(happened);
      setProblems(Object.fromEntries(happened.errors.map(({ path, message }) => [path, message])));
      setBusy(false);
    }
  };
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!isBusy) void submit(event.currentTarget);
  };
  return (
    <div className="form-page">
      <h1>{title}</h1>
      {next !== '/' && <p className="muted">Then you come back to where you were.</p>}
      <form onSubmit={onSubmit} noValidate>
        {isNew && <Field label="Name" name="name" autoComplete="name" maxLength={100} required problem={problems.name} />}
        <Field label="Email" name="email" type="email" autoComplete="email" maxLength={254} required problem={problems.email} />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete={isNew ? 'new-password' : 'current-password'}
          maxLength={200}
          required
          hint={isNew ? `At least ${SHORTEST_PASSWORD} characters` : undefined}
          problem={problems.password}
        />
        {trouble && <TroubleNote trouble={trouble} next={next} />}
        <button type="submit" className="button button-wide" aria-disabled={isBusy}>
          {isBusy ? 'One moment…' : title}
        </button>
      </form>
      <p className="muted">
        {isNew ? 'Registered already?' : 'New here?'}{' '}
        <Link href={isNew ? signInPath(next) : registerPath(next)}>{isNew ? 'Sign in' : 'Create an account'}</Link>
      </p>
    </div>
  );
}
