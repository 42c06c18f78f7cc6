export { ALERT_WORK, alertGivenUp, postAlert } from './alert.ts';
export { alertPoster, webhookProblems } from './webhook.ts';
