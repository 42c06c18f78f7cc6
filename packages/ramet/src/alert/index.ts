export { ALERT_WORK, postAlert } from './alert.ts';
export { alertPoster, webhookProblems } from './webhook.ts';
