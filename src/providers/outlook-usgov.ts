/** Microsoft 365 in the cloud of the U.S. Government (GCC High). */
import { nationalCloud } from './national-cloud.js';

export const outlookUsGov = nationalCloud(
  'outlook-usgov',
  'Microsoft 365 U.S. Government',
  'https://login.microsoftonline.us',
  'https://outlook.office365.us',
  'smtp.office365.us',
);
