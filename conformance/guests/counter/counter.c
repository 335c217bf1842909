// A process that keeps a number, and the call that adds to it: `wippy:process`
// from C. counter.h is made from wit/counter.wit by `wit-bindgen c`.
#include "counter.h"

#include <string.h>

typedef wippy_process_types_value_t value_t;
typedef wippy_process_types_error_t error_t;
typedef wippy_process_mailbox_mail_t mail_t;

// A text that stays where it is.
static counter_string_t text(const char *chars) {
    return (counter_string_t){(uint8_t *)chars, strlen(chars)};
}

static bool is(const counter_string_t *found, const char *wanted) {
    return found->len == strlen(wanted) && memcmp(found->ptr, wanted, found->len) == 0;
}

// What must succeed, or this process fails with its error.
static void must(bool done, error_t *error) {
    if (!done) {
        wippy_process_life_result_value_error_t outcome = {.is_err = true, .val.err = *error};
        wippy_process_life_exit(&outcome);
    }
}

static bool send_number(counter_string_t *to, const char *topic, int64_t number, error_t *error) {
    counter_string_t about = text(topic);
    value_t value = {.tag = WIPPY_PROCESS_TYPES_VALUE_INTEGER, .val.integer = number};
    wippy_process_mailbox_list_value_t payload = {&value, 1};
    return wippy_process_mailbox_send(to, &about, &payload, error);
}

int64_t exports_counter_serve(counter_string_t *name) {
    int64_t total = 0;
    error_t error;
    must(wippy_process_names_register(name, &error), &error);
    counter_string_free(name);
    for (bool cancelled = false; !cancelled;) {
        wippy_process_mailbox_filter_t all = {.tag = WIPPY_PROCESS_MAILBOX_FILTER_ALL};
        wippy_process_mailbox_option_mail_t next;
        must(wippy_process_mailbox_receive(&all, NULL, &next, &error), &error);
        mail_t *mail = &next.val;
        cancelled = next.is_some && mail->tag == WIPPY_PROCESS_MAILBOX_MAIL_CANCEL;
        if (next.is_some && mail->tag == WIPPY_PROCESS_MAILBOX_MAIL_MESSAGE) {
            wippy_process_mailbox_message_t *message = &mail->val.message;
            value_t *amount = message->payload.ptr;
            if (is(&message->topic, "add") && message->payload.len == 1 &&
                amount->tag == WIPPY_PROCESS_TYPES_VALUE_INTEGER) {
                // Wraps around like wasm's own addition.
                total = (int64_t)((uint64_t)total + (uint64_t)amount->val.integer);
            }
            // Who has asked may have ended since, which is no failure of this one.
            if (message->from.is_some &&
                !send_number(&message->from.val, "total", total, &error)) {
                wippy_process_types_error_free(&error);
            }
        }
        wippy_process_mailbox_option_mail_free(&next);
    }
    return total;
}

// Returns true for ok (the new number in *ret), false for an error (in *err).
bool exports_counter_add(counter_string_t *name, int64_t amount, int64_t *ret,
                         counter_string_t *err) {
    error_t error;
    bool sent = send_number(name, "add", amount, &error);
    counter_string_free(name);
    if (!sent) {
        *err = error.message;
        return false;
    }
    wippy_process_mailbox_filter_t total = {.tag = WIPPY_PROCESS_MAILBOX_FILTER_TOPIC,
                                            .val.topic = text("total")};
    wippy_process_mailbox_duration_t second = 1000000000;
    wippy_process_mailbox_option_mail_t next;
    if (!wippy_process_mailbox_receive(&total, &second, &next, &error)) {
        *err = error.message;
        return false;
    }
    value_t *number = next.is_some ? next.val.val.message.payload.ptr : NULL;
    if (number == NULL || number->tag != WIPPY_PROCESS_TYPES_VALUE_INTEGER) {
        counter_string_dup(err, "no answer");
        return false;
    }
    *ret = number->val.integer;
    wippy_process_mailbox_option_mail_free(&next);
    return true;
}
