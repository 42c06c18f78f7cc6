/** The form in which an address is kept and compared: few remember with which capitals they registered. */
export function normalised(email: string): string {
  return email.trim().toLowerCase();
}
