/** The colours a drawing is made of; they change from product to product. */
export interface Palette {
  readonly main: string;
  readonly dark: string;
  readonly light: string;
  readonly pale: string;
  readonly accent: string;
}

/** Draws an object on a canvas of 400 × 400 that stands on y = 308. */
export type Drawing = (colours: Palette) => string[];

/** Which drawing shows which product: the first one whose pattern matches the product's name. */
export type Choice = readonly [pattern: RegExp, drawing: Drawing];

/** Colours of materials; they stay the same whatever the palette is. */
export const ink = '#34364a';
export const steel = '#d3dae2';
export const iron = '#8e9aa8';
export const wood = '#cc9f70';
export const bark = '#a1764d';
export const gold = '#eab54e';
export const leaf = '#6aa37a';
export const paper = '#fffaf1';
export const glow = '#ffe9a6';

/** A filled rectangle. */
export function rect(x: number, y: number, width: number, height: number, radius: number, fill: string): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="${fill}"/>`;
}

/** A filled circle. */
export function circle(x: number, y: number, radius: number, fill: string): string {
  return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${fill}"/>`;
}

/** A circle line. */
export function ring(x: number, y: number, radius: number, stroke: string, width: number): string {
  return `<circle cx="${x}" cy="${y}" r="${radius}" fill="none" stroke="${stroke}" stroke-width="${width}"/>`;
}

/** A filled ellipse. */
export function ellipse(x: number, y: number, radiusX: number, radiusY: number, fill: string): string {
  return `<ellipse cx="${x}" cy="${y}" rx="${radiusX}" ry="${radiusY}" fill="${fill}"/>`;
}

/** A filled path. */
export function area(d: string, fill: string): string {
  return `<path d="${d}" fill="${fill}"/>`;
}

/** A line along a path. */
export function line(d: string, stroke: string, width: number): string {
  return `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}"/>`;
}

/** A soft reflection along a path. */
export function shine(d: string, width = 10): string {
  return `<path d="${d}" fill="none" stroke="#fff" stroke-width="${width}" opacity=".35"/>`;
}

/** Shapes one can see through. */
export function faded(opacity: number, ...shapes: string[]): string {
  return `<g opacity="${opacity}">${shapes.join('')}</g>`;
}

/** Shapes turned around the middle of the canvas. */
export function turned(degrees: number, ...shapes: string[]): string {
  return `<g transform="rotate(${degrees} 200 200)">${shapes.join('')}</g>`;
}

/** Shapes moved aside. */
export function moved(x: number, y: number, ...shapes: string[]): string {
  return `<g transform="translate(${x} ${y})">${shapes.join('')}</g>`;
}
