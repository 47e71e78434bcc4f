/** The providers known by name. One line here for each. */
export { fastmail } from './fastmail.js';
export { gmail } from './gmail.js';
export { hve } from './hve.js';
export { microsoft365 } from './microsoft365.js';
export { oidc } from './oidc.js';
export { outlook } from './outlook.js';
export { outlookChina } from './outlook-china.js';
export { outlookPersonal } from './outlook-personal.js';
export { outlookUsGov } from './outlook-usgov.js';
export { outlookUsGovDod } from './outlook-usgov-dod.js';
