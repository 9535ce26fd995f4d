// SPDX-License-Identifier: GPL-2.0-only
/* teal top: the live picture, until q. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ncurses.h>

#include "command/command.h"
#include "common/interrupt.h"
#include "command/output.h"
#include "operation/picture.h"

#define LOOK_MS 1000
#define KEY_MS 100
#define LINES_EACH 4	 /* lines of a service: its name, two bars, an empty one */
#define RIGHT_WIDTH 49	 /* columns of the numbers behind a bar */
#define LEFT_WIDTH 10	 /* columns of the mark and the color before it */
#define NARROWEST 64	 /* columns below which nothing sensible fits */

struct screen {
	SCREEN *terminal;
	bool colored, unicode;
	unsigned int first; /* service at the top */
};

static void style_begin(const struct screen *screen, enum teal_color color)
{
	if (screen->colored)
		attron(COLOR_PAIR(color + 1));
}

static void style_end(const struct screen *screen, enum teal_color color)
{
	if (screen->colored)
		attroff(COLOR_PAIR(color + 1));
}

/* In eighths of a column where the terminal has them. */
static void bar_draw(const struct screen *screen, int y, int x, int width, __u64 value, __u64 most)
{
	static const char *const parts[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int eighths = most ? (int)((double)value * width * 8 / (double)most + 0.5) : 0;

	eighths = value && !eighths ? 1 : eighths; /* a single flow among thousands can be seen */
	move(y, x);
	if (!screen->unicode) {
		for (int i = 0; i < (eighths + 7) / 8; i++)
			addch('#');
		return;
	}
	for (int i = 0; i < eighths / 8; i++)
		addstr("█");
	addstr(parts[eighths % 8]);
}

static const char *time_text(__u32 us, char text[CELL_SIZE])
{
	if (!us)
		snprintf(text, CELL_SIZE, "-");
	else if (us < 1000)
		snprintf(text, CELL_SIZE, "<%u us", us);
	else
		snprintf(text, CELL_SIZE, "<%u ms", us / 1000);
	return text;
}

static void health_text(const struct picture_color *c, char text[CELL_SIZE])
{
	unsigned int all = c->up + c->down + c->unknown;

	if (!all)
		snprintf(text, CELL_SIZE, "none");
	else if (c->unknown == all)
		snprintf(text, CELL_SIZE, "%u ?", all);
	else
		snprintf(text, CELL_SIZE, "%u/%u up", c->up, all);
}

static void color_draw(const struct screen *screen, int y, const struct picture_service *s, enum teal_color color)
{
	const struct picture_color *c = &s->colors[color], *other = &s->colors[color_other(color)];
	bool active = s->service.info.active == color;
	char flows[CELL_SIZE], rate[CELL_SIZE], time[CELL_SIZE], health[CELL_SIZE];

	health_text(c, health);
	style_begin(screen, color);
	mvprintw(y, 1, "%s %s", !active ? " " : screen->unicode ? "▶" : ">", color_name(color));
	bar_draw(screen, y, LEFT_WIDTH, COLS - LEFT_WIDTH - RIGHT_WIDTH - 1, c->flows,
		 c->flows > other->flows ? c->flows : other->flows);
	mvprintw(y, COLS - RIGHT_WIDTH, "%11s flows %9s/s  %8s", number_format((json_int_t)c->flows, flows),
		 number_format((json_int_t)(c->per_second + 0.5), rate), time_text(c->handshake_us, time));
	style_end(screen, color);
	if (c->down)
		attron(A_BOLD);
	mvprintw(y, COLS - 9, "%9s", health);
	if (c->down)
		attroff(A_BOLD);
}

/* "green is active for 12 s, 5 % on blue": what is not as usual. */
static void state_text(const struct teal_service_info *info, char text[CELL_SIZE * 2])
{
	__u64 now = (__u64)time(NULL);
	size_t size = (size_t)CELL_SIZE * 2, used;
	char ago[CELL_SIZE];

	used = (size_t)snprintf(text, size, "%s is active", color_name(info->active));
	if (info->switched_at && now >= info->switched_at)
		used += (size_t)snprintf(text + used, size - used, " for %s",
					 duration_format((json_int_t)(now - info->switched_at), ago));
	if (info->canary < TEAL_COLORS && info->canary_percent)
		used += (size_t)snprintf(text + used, size - used, ", %u%% on %s", info->canary_percent,
					 color_name(info->canary));
	if (info->guard_until > table_seconds())
		snprintf(text + used, size - used, ", guarded");
}

static void service_draw(const struct screen *screen, int y, const struct picture_service *s)
{
	char listen[ADDRESS_TEXT_SIZE], state[CELL_SIZE * 2];

	attron(A_BOLD);
	mvprintw(y, 0, "%s", s->service.info.name);
	attroff(A_BOLD);
	printw("  %s", listen_format(&s->service.listen, s->service.protocol, listen));
	state_text(&s->service.info, state);
	if (getcurx(stdscr) + 2 + (int)strlen(state) <= COLS)
		mvprintw(y, COLS - (int)strlen(state), "%s", state);
	color_draw(screen, y + 1, s, TEAL_BLUE);
	color_draw(screen, y + 2, s, TEAL_GREEN);
}

static void head_draw(const struct screen *screen, const struct picture *picture)
{
	char flows[CELL_SIZE], rate[CELL_SIZE], line[CELL_SIZE * 4];
	double per_second = 0;
	json_int_t live = 0;
	unsigned int fit = LINES > 2 ? (unsigned int)(LINES - 2 + 1) / LINES_EACH : 0;

	for (unsigned int i = 0; i < picture->count; i++) {
		for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
			live += (json_int_t)picture->services[i].colors[color].flows;
			per_second += picture->services[i].colors[color].per_second;
		}
	}
	snprintf(line, sizeof(line), "teal: %u services, %s flows, %s new a second%s", picture->count,
		 number_format(live, flows), number_format((json_int_t)(per_second + 0.5), rate),
		 picture->count > fit ? " (arrows scroll)" : "");
	attron(A_REVERSE);
	mvprintw(0, 0, "%-*.*s", COLS, COLS, line);
	mvprintw(0, COLS > 8 ? COLS - 8 : 0, "q: quit ");
	attroff(A_REVERSE);
	(void)screen;
}

static void picture_draw(const struct screen *screen, const struct picture *picture)
{
	erase();
	if (COLS < NARROWEST) {
		mvprintw(0, 0, "make it %d columns wide", NARROWEST);
		refresh();
		return;
	}
	head_draw(screen, picture);
	for (unsigned int i = screen->first; i < picture->count; i++) {
		int y = 2 + (int)(i - screen->first) * LINES_EACH;

		if (y + LINES_EACH - 1 > LINES)
			break;
		service_draw(screen, y, &picture->services[i]);
	}
	refresh();
}

/* Returns whether it is the end. */
static bool key_take(struct screen *screen, const struct picture *picture, int key)
{
	unsigned int last = picture->count ? picture->count - 1 : 0;

	switch (key) {
	case 'q':
	case 'Q': return true;
	case KEY_DOWN:
	case 'j': screen->first += screen->first < last; break;
	case KEY_UP:
	case 'k': screen->first -= screen->first > 0; break;
	case KEY_HOME: screen->first = 0; break;
	case KEY_END: screen->first = last; break;
	default: break; /* KEY_RESIZE among them: ncurses has taken the new size, and what is drawn next fits it */
	}
	screen->first = screen->first > last ? last : screen->first;
	return false;
}

static int screen_open(struct screen *screen, bool no_color, struct error *e)
{
	const char *variable = getenv("NO_COLOR");

	setlocale(LC_CTYPE, "");
	screen->unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
	screen->terminal = newterm(NULL, stdout, stdin);
	if (!screen->terminal)
		return error_set(e, EXIT_FAILED, ENOTTY,
				 "the terminal is of a kind that ncurses does not know: set TERM, or see 'teal status'");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	timeout(KEY_MS);
	screen->colored = !no_color && !(variable && *variable) && has_colors() && !start_color() && !use_default_colors();
	if (screen->colored) {
		init_pair(TEAL_BLUE + 1, COLOR_BLUE, -1);
		init_pair(TEAL_GREEN + 1, COLOR_GREEN, -1);
	}
	return 0;
}

static void screen_close(struct screen *screen)
{
	endwin();
	delscreen(screen->terminal);
}

static int screen_run(struct screen *screen, const struct tables *t, struct error *e)
{
	struct picture now = {}, next;
	bool end = false;
	int error = picture_take(t, NULL, &now, e);

	while (!error && !end && !interrupt_came()) {
		int key;

		picture_draw(screen, &now);
		key = getch();
		/* A terminal that was closed gives no key at once, for ever. */
		end = key_take(screen, &now, key) || (key == ERR && (feof(stdin) || !isatty(STDIN_FILENO)));
		if (end || table_clock() - now.at < LOOK_MS * 1000000ULL)
			continue;
		error = picture_take(t, &now, &next, e);
		if (error)
			break;
		picture_free(&now);
		now = next;
	}
	picture_free(&now);
	return error;
}

int top_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	struct screen screen = {};
	int error;

	(void)argc;
	(void)argv;
	(void)ret_answer;
	if (c->options.json || c->options.quiet || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(e, EXIT_USAGE, ENOTTY,
				 "top draws on a terminal, for people: programs take 'teal status --json'");
	interrupt_catch();
	error = screen_open(&screen, c->options.no_color, e);
	if (error)
		return error;
	error = screen_run(&screen, c->tables, e);
	screen_close(&screen);
	return error;
}

void top_print(const struct command_context *c, const json_t *answer)
{
	(void)c;
	(void)answer;
}
