const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });

/** An amount in cents, as `€1,234.50`. */
export const money = (cents: number): string => euros.format(cents / 100);
