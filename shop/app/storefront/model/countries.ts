/** Where the form of an order offers to send it, by ISO 3166. */
export const COUNTRIES = ['AT', 'BE', 'CH', 'DE', 'ES', 'FR', 'GB', 'IE', 'IT', 'NL', 'US', 'AQ'] as const;

const names = new Intl.DisplayNames('en', { type: 'region' });

/** @param code two capital letters */
export const countryName = (code: string): string => names.of(code) ?? code;
