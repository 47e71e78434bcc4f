/** Microsoft 365 in China, which 21Vianet operates. */
import { nationalCloud } from './national-cloud.js';

export const outlookChina = nationalCloud(
  'outlook-china',
  'Microsoft 365 operated by 21Vianet',
  'https://login.partner.microsoftonline.cn',
  'https://partner.outlook.cn',
  'smtp.partner.outlook.cn',
);
