// sock_* on what is no socket. Descriptor 3 is a directory.
#include "p1.h"

START {
    char bytes[8] = "content";
    iovec into = {bytes, sizeof bytes};
    ciovec from = {bytes, sizeof bytes};
    fd_t fd = NO_FD, made = 0;
    uint32_t count = 0;
    uint16_t flags = 0;
    CALL(path_open(3, 0, P("file"), CREAT, RIGHTS_ALL, 0, 0, &fd));
    CALL(sock_accept(fd, 0, &made));
    CALL(sock_accept(fd, NONBLOCK, &made));
    CALL(sock_recv(fd, &into, 1, 0, &count, &flags));
    CALL(sock_recv(fd, &into, 1, 1, &count, &flags));
    CALL(sock_send(fd, &from, 1, 0, &count));
    CALL(sock_shutdown(fd, 1));
    CALL(sock_shutdown(fd, 3));
    CALL(sock_accept(0, 0, &made));
    CALL(sock_recv(0, &into, 1, 0, &count, &flags));
    CALL(sock_send(1, &from, 1, 0, &count));
    CALL(sock_shutdown(1, 1));
    CALL(sock_accept(3, 0, &made));
    CALL(sock_recv(3, &into, 1, 0, &count, &flags));
    CALL(sock_send(3, &from, 1, 0, &count));
    CALL(sock_shutdown(3, 1));
    CALL(sock_accept(99, 0, &made));
    CALL(sock_recv(99, &into, 1, 0, &count, &flags));
    CALL(sock_send(99, &from, 1, 0, &count));
    CALL(sock_shutdown(99, 1));
}
