/** The departments of the shop, in the order in which they are offered. */
export const CATEGORIES: readonly { readonly id: string; readonly name: string }[] = [
  { id: 'kitchen', name: 'Kitchen' },
  { id: 'garden', name: 'Garden' },
  { id: 'lighting', name: 'Lighting' },
  { id: 'bath', name: 'Bath' },
  { id: 'office', name: 'Office' },
  { id: 'books', name: 'Books' },
  { id: 'audio', name: 'Audio' },
  { id: 'toys', name: 'Toys' },
  { id: 'sports', name: 'Sports' },
  { id: 'bags', name: 'Bags' },
  { id: 'travel', name: 'Travel' },
  { id: 'tools', name: 'Tools' },
];

/** What a category is called; its id where it has no name yet. */
export const categoryName = (id: string): string => CATEGORIES.find((category) => category.id === id)?.name ?? id;
