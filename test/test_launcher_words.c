/* What a person is told: the command line and the composition file, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/launch.h"
#include "test/support/runner.h"

static char folder[64];  /* of this test program */
static char datadir[96]; /* --datadir=... of one test */
static struct runner trio;

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    return path;
}

static void assert_says(const struct runner *runner, const char *text)
{
    if (strstr(runner->err.text, text) == NULL) {
        print_error("stderr is to have \"%s\":\n%s\n", text, runner->err.text);
        fail();
    }
}

/* ---- the command line ------------------------------------------------------------------------ */

/* Runs it with one argument (or two); it must fail with status 2, saying `text`. */
static void refuse(const char *first, const char *second, const char *text)
{
    runner_start(&trio, NULL, datadir, first, second, NULL);
    assert_int_equal(runner_end(&trio), 2);
    assert_says(&trio, text);
    assert_string_equal(trio.out.text, "");
}

static void test_wrong_command_line_is_refused(void **state)
{
    (void)state;
    refuse("--splitt=all", NULL, "trio: unknown option --splitt; did you mean --split?\n");
    refuse("--dtadir=x", NULL, "did you mean --datadir?");
    refuse("-x", NULL, "unknown option -x; --help lists them");
    refuse("--json=1", NULL, "--json takes no value");
    refuse("--then", NULL, "--then needs a value: --then=WHAT");
    refuse("ad", "5", "unknown command ad; did you mean add?");
    refuse("bankruptcy", NULL, "unknown command bankruptcy; --help lists them");
    refuse("add", NULL, "add takes other arguments: trio add NUMBER");
    refuse("--split=nobody", NULL, "--split: there is no role \"nobody\"");
    refuse("--split=stor", NULL, "did you mean store?");
    refuse("--split=store,store", NULL, "role \"store\" is named twice");
    refuse("--split=all", "--compose=x", "give one");
}

static void test_as_child_by_hand_is_refused(void **state)
{
    (void)state;
    runner_start(&trio, NULL, "--as-child", NULL);
    assert_int_equal(runner_end(&trio), 2);
    assert_says(&trio, "--as-child is for the processes that it starts itself");
}

static void test_help_is_complete(void **state)
{
    static const char *const words[] = {"--split=LIST",     "--compose=FILE", "--json",
                                        "--help",           "--version",      "--datadir=DIR",
                                        "--then=WHAT",      "(stay)",         "add NUMBER",
                                        "descriptors ROLE", "Exit status",    "three roles"};
    (void)state;
    runner_start(&trio, NULL, "--help", NULL);
    assert_int_equal(runner_end(&trio), 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(trio.out.text, words[i]) == NULL) {
            print_error("--help lacks %s\n", words[i]);
            fail();
        }
    }
    runner_start(&trio, NULL, "--version", NULL);
    assert_int_equal(runner_end(&trio), 0);
    assert_string_equal(trio.out.text, "trio 1.0\n");
}

static void test_value_may_be_the_next_word(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, "--then", "quit6", "--split", "none", NULL);
    assert_int_equal(runner_end(&trio), 6);
}

/* ---- composition files ----------------------------------------------------------------------- */

static char compose_option[160];

static void write_composition(const char *text)
{
    FILE *file = fopen(in_folder("trio.ini"), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    snprintf(compose_option, sizeof compose_option, "--compose=%s", in_folder("trio.ini"));
}

static void test_composition_file_says_who_shares_a_process(void **state)
{
    (void)state;
    write_composition("; two processes\n"
                      "[process back]\nroles = store, middle\n\n"
                      "[process screen]\nroles = front\n");
    runner_start(&trio, NULL, datadir, compose_option, "--then=quit0", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    assert_int_equal(runner_number(&trio, "store"), runner_number(&trio, "middle"));
    assert_true(runner_number(&trio, "store") != trio.pid);
    assert_int_equal(runner_number(&trio, "front"), trio.pid);
    assert_int_equal(runner_end(&trio), 0);
}

static void test_processes_that_use_each_other_are_wired(void **state)
{
    (void)state;
    write_composition("[process own]\nroles = front store\n[process back]\nroles = middle\n");
    runner_start(&trio, NULL, datadir, compose_option, "--then=quit0", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    assert_int_equal(runner_end(&trio), 0);
}

static void test_composition_narrows_what_a_role_may_use(void **state)
{
    (void)state;
    write_composition("[process a]\nroles = front\n[process b]\nroles = store, middle\n"
                      "[role front]\nuses = store\n");
    runner_start(&trio, NULL, datadir, compose_option, NULL);
    assert_int_equal(runner_end(&trio), 1);
    assert_says(&trio, "trio: role front could not start: no such role, or not one that this "
                       "actor uses");
}

static void refuse_composition(const char *text, const char *message)
{
    char expected[400];
    write_composition(text);
    snprintf(expected, sizeof expected, "trio: %s:%s\n", in_folder("trio.ini"), message);
    refuse(compose_option, NULL, expected);
}

static void test_wrong_composition_is_refused_with_file_and_line(void **state)
{
    (void)state;
    refuse_composition("[process a]\nroles = front, stor\n",
                       "2: there is no role \"stor\"; did you mean store?");
    refuse_composition("[process a]\nroles = front, store\n[process b]\nroles = middle, store\n",
                       "4: role \"store\" is in process \"a\" already, by line 2");
    refuse_composition("[process a]\nroles = front, store\n",
                       "2: the file ends, and role \"middle\" is in no process");
    refuse_composition("[process a]\nroles = front, store, middle\n[process b]\nroles =\n",
                       "4: the file ends, and process \"b\" has no role");
    refuse_composition("[role store]\nuses = middle\n",
                       "2: role \"store\" can't use \"middle\", which uses \"store\": a cycle, "
                       "none of them could start first");
    refuse_composition("[role middle]\nuses = middle\n",
                       "2: role \"middle\" can't use \"middle\", which uses \"middle\": a cycle, "
                       "none of them could start first");
    refuse_composition("[process a]\nroles = front, launcher\n",
                       "2: role \"launcher\" is in the launcher's process always: leave it out");
    refuse_composition("[role nobody]\nuses = store\n", "2: there is no role \"nobody\"");
    refuse_composition("[proces a]\nroles = front\n",
                       "2: section [proces a] is neither [process NAME] nor [role NAME]");
    refuse_composition("[process a]\nrole = front\n",
                       "2: [process a] has \"roles\", \"sandbox\", \"restart\", \"intensity\", "
                       "\"backoff\" and \"watchdog\", not \"role\"");
    refuse_composition("[process a]\nroles = front\nrestart = sometimes\n",
                       "3: \"restart\" is never, on-failure or always, not \"sometimes\"");
    refuse_composition("[process a]\n\nfront\n", "3: this is neither [SECTION] nor NAME = VALUE");
    refuse_composition("[process a b]\nroles = front\n",
                       "2: a process needs a name of one word and at most 63 bytes");
    write_composition("");
    refuse("--compose=/nonexistent/trio.ini", NULL,
           "trio: /nonexistent/trio.ini: No such file or directory\n");
}

static void test_line_too_long_is_refused(void **state)
{
    char text[1024] = "[process a]\nroles = ";
    (void)state;
    memset(text + strlen(text), 'x', 700);
    write_composition(text);
    refuse(compose_option, NULL, "trio.ini:2: this line is longer than");
}

static void test_program_with_a_cycle_is_refused(void **state)
{
    static const struct runner_options cycle = {.variable = "TRIO_CYCLE=1"};
    (void)state;
    runner_start(&trio, &cycle, datadir, NULL);
    assert_int_equal(runner_end(&trio), 2);
    assert_says(&trio, "role \"store\" uses itself, through those that it uses");
}

static void test_every_program_has_one_role_more(void **state)
{
    struct troupe_role roles[TROUPE_ROLES_MAX] = {{.name = "front"}, {.name = "launcher"}};
    struct troupe_program wrong = {
        .name = "wrong", .roles = roles, .roles_count = 2, .front = "front"};
    (void)state;
    assert_null(tl_service_add(&wrong));
    for (size_t i = 1; i < TROUPE_ROLES_MAX; i++) {
        roles[i].name = "role";
    }
    wrong.roles_count = TROUPE_ROLES_MAX;
    assert_null(tl_service_add(&wrong));
    wrong.roles_count--;
    const struct troupe_program *whole = tl_service_add(&wrong);
    assert_int_equal(whole->roles_count, TROUPE_ROLES_MAX);
    assert_string_equal(whole->roles[tl_service_role(whole)].name, "launcher");
    assert_int_equal(tl_roles_usable(whole) & (tl_bit(0) | tl_bit(TROUPE_ROLES_MAX - 1)), 0);
}

/* ---- the group ------------------------------------------------------------------------------- */

static int clean(void **state)
{
    runner_kill(&trio);
    static const char *const names[] = {"control.sock", "store.lock", "trio.ini", "trio"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(in_folder(names[i]));
    }
    return runner_no_child_left(state);
}

static int setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/test_launcher_words.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(datadir, sizeof datadir, "--datadir=%s", folder);
    return runner_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wrong_command_line_is_refused),
        TEST(test_as_child_by_hand_is_refused),
        TEST(test_help_is_complete),
        TEST(test_value_may_be_the_next_word),
        TEST(test_composition_file_says_who_shares_a_process),
        TEST(test_processes_that_use_each_other_are_wired),
        TEST(test_composition_narrows_what_a_role_may_use),
        TEST(test_wrong_composition_is_refused_with_file_and_line),
        TEST(test_line_too_long_is_refused),
        TEST(test_program_with_a_cycle_is_refused),
        TEST(test_every_program_has_one_role_more),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
