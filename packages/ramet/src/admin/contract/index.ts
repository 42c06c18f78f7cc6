export { type Frozen, type ListShape, type Order, PAGE_DEFAULT, PAGE_MAX, type RouteShape } from './route.ts';
export { ADMIN_ROUTES, type AdminAnswer, type AdminBody, type AdminItem, type AdminQuery, type AdminRoutes } from './routes.ts';
