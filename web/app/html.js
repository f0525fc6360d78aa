// Markup without a build step: `html` is Preact's `h` as a template tag.
import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);

/** Joins the class names that are true. */
export const cls = (...names) => names.filter(Boolean).join(' ');
