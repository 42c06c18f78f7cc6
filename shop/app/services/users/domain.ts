/** The form in which an address is kept and compared: nobody remembers with which capitals they registered. */
export function normalised(email: string): string {
  return email.trim().toLowerCase();
}
