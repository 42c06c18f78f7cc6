import type { Page } from 'playwright-core';

/*
 * What a page must be for those who cannot see it well, or use no pointer: looked at in the page as it is drawn. The
 * measures are those of WCAG 2.2, level AA.
 */

/** Everything that is wrong with a page: controls and pictures without a name, text too faint to read, a muddled outline. */
export async function faultsOf(page: Page): Promise<string[]> {
  // What is being drawn has colours between the old and the new.
  await page.evaluate(
    'Promise.allSettled(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished))',
  );
  return page.evaluate(`(${audit.toString()})()`);
}

/** Runs in the page: it may use nothing from outside of it. */
function audit(): string[] {
  // The test's compiler knows no browser.
  const { document, getComputedStyle, NodeFilter } = globalThis as any;
  const faults: string[] = [];
  const shown = (element: any): boolean =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest('[aria-hidden="true"]');
  const words = (element: any): string =>
    `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ${element.textContent.trim().slice(0, 40)}`;
  const text = (ids: string): string =>
    ids
      .split(/\s+/)
      .map((id) => document.getElementById(id)?.textContent.trim() ?? '')
      .join(' ');

  const nameOf = (element: any): string => {
    const labels = [...(element.labels ?? [])].map((label: any) => label.textContent.trim()).join(' ');
    const own = element.matches('a, button, summary') ? element.textContent.trim() || (element.querySelector('img')?.alt ?? '') : '';
    return text(element.getAttribute('aria-labelledby') ?? '') || element.getAttribute('aria-label') || labels || own;
  };
  for (const element of document.querySelectorAll('a, button, input, select, textarea, summary, dialog[open], [role]'))
    if (shown(element) && !element.matches('[role=status], [role=alert]') && !nameOf(element).trim())
      faults.push(`has no name: ${words(element)}`);
  for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) faults.push(`has no alt: ${image.src}`);
  for (const element of document.querySelectorAll('[aria-describedby], [aria-labelledby]'))
    for (const attribute of ['aria-describedby', 'aria-labelledby'])
      for (const id of (element.getAttribute(attribute) ?? '').split(/\s+/).filter(Boolean))
        if (!document.getElementById(id)) faults.push(`${attribute} leads nowhere: ${id}`);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }: any) => id);
  for (const id of ids) if (ids.filter((other: string) => other === id).length > 1) faults.push(`id twice: ${id}`);
  if (!document.documentElement.lang) faults.push('the page names no language');
  if (!document.title) faults.push('the page has no title');
  if (document.querySelectorAll('main').length !== 1) faults.push('there must be one main');
  const levels = [...document.querySelectorAll('h1, h2, h3')].filter(shown).map(({ tagName }: any) => Number(tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push(`there must be one h1, there are levels ${levels}`);
  for (const button of document.querySelectorAll('form button'))
    if (!button.hasAttribute('type')) faults.push(`has no type: ${words(button)}`);

  const channels = (color: string): number[] => {
    const [r = 0, g = 0, b = 0, a = 1] = (color.match(/[\d.]+/g) ?? []).map(Number);
    return [r, g, b, a];
  };
  const background = (element: any): number[] => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if ((color[3] as number) > 0.99) return color;
    }
    return [255, 255, 255, 1];
  };
  const luminance = (color: number[]): number => {
    const [r, g, b] = color
      .slice(0, 3)
      .map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: number[], b: number[]): number => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !shown(element) || element.closest(':disabled, noscript, .unseen, option, .skip')) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const isLarge = Number.parseFloat(fontSize) >= 24 || (Number.parseFloat(fontSize) >= 18.66 && Number(fontWeight) >= 700);
    const ratio = contrast(channels(color), background(element));
    if (ratio < (isLarge ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${words(element)}`);
  }
  for (const control of document.querySelectorAll('input, select, textarea, .button-quiet')) {
    if (!shown(control) || control.closest('.quantity') || control.disabled) continue;
    const ratio = contrast(channels(getComputedStyle(control).borderTopColor), background(control.parentElement));
    if (ratio < 3) faults.push(`edge ${ratio.toFixed(2)}: ${words(control)}`);
  }
  for (const element of document.querySelectorAll('button, select, input, .button, .chip, .head-links a')) {
    const { width, height } = element.getBoundingClientRect();
    if (shown(element) && (width < 24 || height < 24))
      faults.push(`too small to hit, ${Math.round(width)}×${Math.round(height)}: ${words(element)}`);
  }
  // What a dialog covers, and what scrolls below the head, is covered for a while only.
  const areas = document.querySelector('dialog[open]') ? ['dialog[open]'] : ['header', 'main'];
  for (const area of areas) {
    const controls = [...document.querySelectorAll(area)]
      .flatMap((within: any) => [...within.querySelectorAll('a, button, input, select, textarea')])
      .filter(shown);
    for (const [i, one] of controls.entries()) {
      for (const other of controls.slice(i + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
        const overlap = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        if (overlap > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
          faults.push(`overlaps by ${Math.round(overlap)} px: ${words(one)} and ${words(other)}`);
      }
    }
  }
  return faults;
}

/** By how many pixels a page is wider than its window. */
export const overflowOf = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth') as Promise<number>;

/** Presses Tab until the control of this name has the focus. @throws when it does not come, or when one cannot see where the focus is */
export async function tabTo(page: Page, name: string | RegExp, most = 60): Promise<void> {
  const passed: string[] = [];
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    const { label, outline } = (await page.evaluate(`(() => {
      const e = document.activeElement;
      const labels = [...(e.labels ?? [])].map((l) => l.textContent).join(' ');
      return { label: (e.getAttribute('aria-label') || labels || e.textContent).trim(), outline: parseFloat(getComputedStyle(e).outlineWidth) };
    })()`)) as { label: string; outline: number };
    if (outline < 2) throw new Error(`'${label}' has the focus, and nothing shows it`);
    if (typeof name === 'string' ? label === name : name.test(label)) return;
    passed.push(label);
  }
  throw new Error(`Tab never reaches ${name}; it passes ${JSON.stringify(passed)}`);
}
