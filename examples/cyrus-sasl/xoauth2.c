/*
 * XOAUTH2 for the client side of Cyrus SASL: the password is the access token. It keeps nothing, and prints nothing.
 * docs/guides/postfix-socketmap.md says what it is for, and how it is built.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

/* What was sent last, for as long as the exchange lasts. */
struct exchange {
  char *response;
  size_t size;
};

static int begin(void *plugin, sasl_client_params_t *params, void **context) {
  (void)plugin;
  *context = params->utils->calloc(1, sizeof(struct exchange));
  return *context == NULL ? SASL_NOMEM : SASL_OK;
}

static int step(void *context, sasl_client_params_t *params, const char *challenge, unsigned challenge_size,
                sasl_interact_t **prompts, const char **out, unsigned *out_size, sasl_out_params_t *outcome) {
  struct exchange *exchange = context;
  const sasl_utils_t *utils = params->utils;
  sasl_getsimple_t *get_name;
  sasl_getsecret_t *get_password;
  void *name_context, *password_context;
  const char *user = NULL;
  sasl_secret_t *token = NULL;
  int result;

  (void)challenge;
  (void)prompts;
  *out = "";
  *out_size = 0;
  if (exchange->response != NULL) {
    /* The server has refused, and said why; an empty response lets it end with its reply. */
    outcome->doneflag = 1;
    return challenge_size > 0 ? SASL_OK : SASL_BADPROT;
  }
  if (utils->getcallback(utils->conn, SASL_CB_AUTHNAME, (sasl_callback_ft *)&get_name, &name_context) != SASL_OK ||
      utils->getcallback(utils->conn, SASL_CB_PASS, (sasl_callback_ft *)&get_password, &password_context) != SASL_OK)
    return SASL_BADPARAM;
  if ((result = get_name(name_context, SASL_CB_AUTHNAME, &user, NULL)) != SASL_OK ||
      (result = get_password(utils->conn, password_context, SASL_CB_PASS, &token)) != SASL_OK)
    return result;
  if (user == NULL || token == NULL) return SASL_BADPARAM;
  result = params->canon_user(utils->conn, user, 0, SASL_CU_AUTHID | SASL_CU_AUTHZID, outcome);
  if (result != SASL_OK) return result;

  exchange->size = strlen(user) + token->len + sizeof("user=\1auth=Bearer \1\1");
  exchange->response = utils->malloc(exchange->size);
  if (exchange->response == NULL) return SASL_NOMEM;
  *out_size = (unsigned)snprintf(exchange->response, exchange->size, "user=%s\1auth=Bearer %.*s\1\1", user,
                                 (int)token->len, (const char *)token->data);
  *out = exchange->response;
  outcome->mech_ssf = 0;
  outcome->maxoutbuf = 0;
  return SASL_CONTINUE;
}

static void end(void *context, const sasl_utils_t *utils) {
  struct exchange *exchange = context;
  if (exchange == NULL) return;
  if (exchange->response != NULL) {
    utils->erasebuffer(exchange->response, (unsigned)exchange->size);
    utils->free(exchange->response);
  }
  utils->free(exchange);
}

static sasl_client_plug_t xoauth2 = {
  .mech_name = "XOAUTH2",
  .security_flags = SASL_SEC_NOANONYMOUS | SASL_SEC_PASS_CREDENTIALS,
  .features = SASL_FEAT_WANT_CLIENT_FIRST,
  .mech_new = begin,
  .mech_step = step,
  .mech_dispose = end,
};

int sasl_client_plug_init(const sasl_utils_t *utils, int newest, int *version, sasl_client_plug_t **plugins, int *count) {
  (void)utils;
  if (newest < SASL_CLIENT_PLUG_VERSION) return SASL_BADVERS;
  *version = SASL_CLIENT_PLUG_VERSION;
  *plugins = &xoauth2;
  *count = 1;
  return SASL_OK;
}
