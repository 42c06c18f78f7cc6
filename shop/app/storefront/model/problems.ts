/** Why a request failed. */
export interface Trouble {
  /** `offline`: no answer came. */
  readonly kind: 'offline' | 'problem';
  readonly status: number;
  readonly code: string;
  readonly data: unknown;
  /** What the shop says of single fields. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** Until it makes sense to ask again, in seconds. */
  readonly retryAfterSeconds: number | undefined;
  /** Under which the shop's operators find what happened. */
  readonly correlationId: string | undefined;
}

/** What a customer reads, and what they can do. */
export interface Told {
  readonly title: string;
  readonly text: string;
  readonly way: 'again' | 'wait' | 'sign-in' | 'elsewhere';
}

const MINUTE_SECONDS = 60;

/** A time to wait, as `40 seconds` or `2 minutes`. */
export function inWords(seconds: number): string {
  const [count, unit] =
    seconds < 2 * MINUTE_SECONDS ? [Math.max(1, Math.ceil(seconds)), 'second'] : [Math.ceil(seconds / MINUTE_SECONDS), 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Explains why something was not cancelled. @param what as `order` */
export function notCancelled(what: string, trouble: Trouble): Told {
  const title = `Your ${what} was not cancelled`;
  if (trouble.kind === 'offline') return { title, text: 'Try again when the connection is back.', way: 'again' };
  if (trouble.status >= 500) return { title, text: 'Something went wrong on our side. Please try again in a moment.', way: 'again' };
  return told(trouble);
}

/** Describes trouble in a customer's words: the shop's own are for programs. */
export function told({ kind, status, code, retryAfterSeconds, data }: Trouble): Told {
  if (kind === 'offline')
    return {
      title: 'The shop cannot be reached',
      text: 'Your connection may be down, or the shop is restarting. Nothing is lost.',
      way: 'again',
    };
  switch (code) {
    case 'TooManyRequests':
      return {
        title: 'One moment, please',
        text: `These were more requests than the shop takes at once. Try again in ${inWords(retryAfterSeconds ?? MINUTE_SECONDS)}.`,
        way: 'wait',
      };
    case 'InvalidCredentials':
      return { title: 'That did not match', text: 'The email address or the password is not right. Please try again.', way: 'again' };
    case 'EmailTaken':
      return { title: 'You have an account already', text: 'This email address is registered. Sign in with it instead.', way: 'sign-in' };
    case 'CustomerBlocked':
      return { title: 'Your account is blocked', text: 'No orders can be placed with it. Please write to us.', way: 'elsewhere' };
    case 'InvalidCard':
      return { title: 'This is not a card number', text: 'Please check its digits; nothing was charged.', way: 'again' };
    case 'KeyReused':
    case 'IdempotencyKeyReused':
      return { title: 'This order may be placed already', text: 'Please look at your orders before you send it again.', way: 'elsewhere' };
    case 'UnknownProduct': {
      const { sku } = (data ?? {}) as { sku?: string };
      return { title: 'A product is no longer sold', text: `Please take ${sku ?? 'it'} out of your cart.`, way: 'elsewhere' };
    }
    case 'TooLate':
      return {
        title: 'It is too late for that',
        text: 'The order has gone too far to be cancelled. You can return it instead.',
        way: 'elsewhere',
      };
  }
  if (status === 401)
    return { title: 'Please sign in', text: 'Your session has ended. Sign in, and you come back to this page.', way: 'sign-in' };
  if (status === 404)
    return { title: 'There is nothing here', text: 'It may have moved, or it belongs to another account.', way: 'elsewhere' };
  if (status === 400 || status === 422)
    return { title: 'Something in it is not right', text: 'Please check what you have entered.', way: 'again' };
  return { title: 'Something went wrong on our side', text: 'It is not your doing. Please try again in a moment.', way: 'again' };
}
