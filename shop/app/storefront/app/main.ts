import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { followHistory } from './navigation.ts';

followHistory();
const root = document.getElementById('shop');
if (root) createRoot(root).render(createElement(App));
