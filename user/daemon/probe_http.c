// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a GET answered with an expected state?  By libcurl's multi interface on the daemon's loop: one multi handle,
 * however many backends, a connection of its own for each question (libcurl-multi(3), curl_multi_socket_action(3)).
 */
#include "daemon/probe.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define BODY_MOST (64 << 10) /* bytes; the state is known by then, and the rest is not waited for */

struct http {
	CURLM *multi;
	uv_timer_t timer; /* libcurl's own */
};

/* One socket that libcurl wants to know about. */
struct watch {
	struct probes *probes;
	uv_poll_t poll;
	curl_socket_t socket;
};

struct request {
	struct probe probe;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	const struct config_health *config;
	size_t body;
	char problem[CURL_ERROR_SIZE];
};

static void request_free(struct request *request)
{
	if (request->easy) {
		curl_multi_remove_handle(request->probe.probes->http->multi, request->easy);
		curl_easy_cleanup(request->easy);
	}
	curl_slist_free_all(request->headers);
	curl_slist_free_all(request->connect_to);
	free(request);
}

/* "200-299, 404" of what is expected. */
static const char *expect_format(const struct config_health *config, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < config->expect_count && at < size; i++) {
		const struct config_expect *expect = &config->expect[i];

		at += (size_t)snprintf(text + at, size - at, expect->first == expect->last ? "%s%u" : "%s%u-%u",
				       i ? ", " : "", expect->first, expect->last);
	}
	return text;
}

static bool is_expected(const struct config_health *config, long state)
{
	for (unsigned int i = 0; i < config->expect_count; i++)
		if (state >= config->expect[i].first && state <= config->expect[i].last)
			return true;
	return false;
}

/* Why the answer is not good, or NULL. */
static const char *request_judge(const struct request *request, CURLcode result, char *reason, size_t size)
{
	char wanted[64];
	long state = 0, error = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &state);
	curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &error);
	if (result == CURLE_WRITE_ERROR && request->body > BODY_MOST)
		result = CURLE_OK;
	if (result == CURLE_COULDNT_CONNECT && error)
		return probe_connect_reason((int)error);
	if (result) {
		snprintf(reason, size, "%s", request->problem[0] ? request->problem : curl_easy_strerror(result));
		return reason;
	}
	if (is_expected(request->config, state))
		return NULL;
	snprintf(reason, size, "answered %ld instead of %s", state, expect_format(request->config, wanted, sizeof(wanted)));
	return reason;
}

/* Tells whoever asked of all that has ended. */
static void http_collect(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct request *request = NULL;
		char reason[CURL_ERROR_SIZE];
		const char *why;
		probe_done done;
		void *data;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
		why = request_judge(request, message->data.result, reason, sizeof(reason));
		done = request->probe.done;
		data = request->probe.data;
		request_free(request);
		done(data, why);
	}
}

static void watch_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct http *http = watch->probes->http;
	int running, what = 0;

	if (status < 0)
		what = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	curl_multi_socket_action(http->multi, watch->socket, what, &running);
	http_collect(http);
}

static void watch_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;

	watch->probes->closing--;
	free(watch);
}

/* libcurl wants a socket watched, otherwise, or not any more. */
static int http_on_socket(CURL *easy, curl_socket_t socket, int what, void *data, void *assigned)
{
	struct probes *probes = data;
	struct watch *watch = assigned;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (!watch)
			return 0;
		uv_poll_stop(&watch->poll);
		probes->closing++;
		uv_close((uv_handle_t *)&watch->poll, watch_closed);
		curl_multi_assign(probes->http->multi, socket, NULL);
		return 0;
	}
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch || uv_poll_init(probes->loop, &watch->poll, socket)) {
			free(watch);
			return -1;
		}
		watch->probes = probes;
		watch->socket = socket;
		watch->poll.data = watch;
		curl_multi_assign(probes->http->multi, socket, watch);
	}
	uv_poll_start(&watch->poll, events, watch_ready);
	return 0;
}

static void http_timeout(uv_timer_t *timer)
{
	struct http *http = timer->data;
	int running;

	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	http_collect(http);
}

/* Never at once: libcurl may not be called from its own callback. */
static int http_on_timer(CURLM *multi, long milliseconds, void *data)
{
	struct probes *probes = data;

	(void)multi;
	if (milliseconds < 0)
		uv_timer_stop(&probes->http->timer);
	else
		uv_timer_start(&probes->http->timer, http_timeout, milliseconds ? milliseconds : 1, 0);
	return 0;
}

static size_t body_count(char *bytes, size_t size, size_t count, void *data)
{
	struct request *request = data;

	(void)bytes;
	request->body += size * count;
	return request->body > BODY_MOST ? 0 : size * count;
}

/* The host that is asked for, wherever the connection goes. */
static char *url_make(const struct probe_target *target)
{
	const struct config_health *config = target->config;
	const char *scheme = config->type == HEALTH_HTTPS ? "https" : "http";
	char endpoint[ADDRESS_TEXT_SIZE], *url;
	int length;

	if (config->host)
		length = asprintf(&url, "%s://%s:%u%s", scheme, config->host, target->endpoint.port, config->path);
	else
		length = asprintf(&url, "%s://%s%s", scheme, endpoint_format(&target->endpoint, endpoint), config->path);
	return length < 0 ? NULL : url;
}

static bool lists_make(struct request *request, const struct probe_target *target)
{
	char line[ADDRESS_TEXT_SIZE + 320], endpoint[ADDRESS_TEXT_SIZE];

	request->headers = curl_slist_append(NULL, "Connection: close");
	if (!target->config->host)
		return request->headers;
	/* The header has no port: virtual hosts are named without. */
	snprintf(line, sizeof(line), "Host: %s", target->config->host);
	if (!request->headers || !curl_slist_append(request->headers, line))
		return false;
	snprintf(line, sizeof(line), "::%s", endpoint_format(&target->endpoint, endpoint));
	request->connect_to = curl_slist_append(NULL, line);
	return request->connect_to;
}

/* Nothing from this host's environment or from the answer leads elsewhere: no proxy, no redirect, no other protocol. */
static void request_set(struct request *request, const char *url)
{
	CURL *easy = request->easy;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Whoever asked gives up before that; libcurl's own limit would be five minutes. */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->config->timeout_ms + 1000);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->config->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->config->verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "teal/" TEAL_VERSION);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, request->connect_to);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->problem);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_count);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
}

static int http_start(struct probes *probes, const struct probe_target *target, probe_done done, void *data,
		      struct probe **ret)
{
	struct request *request = calloc(1, sizeof(*request));
	_cleanup_free_ char *url = url_make(target);

	if (!request)
		return -ENOMEM;
	request->probe = (struct probe){ &probe_http, probes, done, data };
	request->config = target->config;
	request->easy = curl_easy_init();
	if (!url || !request->easy || !lists_make(request, target)) {
		request_free(request);
		return -ENOMEM;
	}
	request_set(request, url);
	if (curl_multi_add_handle(probes->http->multi, request->easy)) {
		request_free(request);
		return -EIO;
	}
	*ret = &request->probe;
	return 0;
}

static const char *http_cancel(struct probe *probe)
{
	struct request *request = (struct request *)probe;
	curl_off_t connected = 0, secured = 0;
	bool https = request->config->type == HEALTH_HTTPS;

	curl_easy_getinfo(request->easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(request->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	request_free(request);
	if (!connected)
		return "no answer to connect";
	return https && !secured ? "connected, but no TLS" : "connected, but no answer";
}

const struct probe_kind probe_http = { http_start, http_cancel };

int http_begin(struct probes *probes)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) || !(http->multi = curl_multi_init())) {
		free(http);
		return -ENOMEM;
	}
	uv_timer_init(probes->loop, &http->timer);
	http->timer.data = http;
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, http_on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, probes);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, http_on_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, probes);
	probes->http = http;
	return 0;
}

static void timer_closed(uv_handle_t *handle)
{
	struct probes *probes = handle->data;

	probes->closing--;
}

void http_stop(struct probes *probes)
{
	curl_multi_cleanup(probes->http->multi);
	probes->http->timer.data = probes;
	probes->closing++;
	uv_close((uv_handle_t *)&probes->http->timer, timer_closed);
}

void http_end(struct probes *probes)
{
	free(probes->http);
	curl_global_cleanup();
}
