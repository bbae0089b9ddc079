package org.sparkqwen.job.testing;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/// A relay between an S3 client and its server. It sees every request, and gives some of them the faults of networks
/// and stores: errors, lost connections, lost answers, silence. Bytes pass unchanged, so signatures stay valid.
public final class S3Relay implements AutoCloseable {
    private final ServerSocket listener;
    private final int server;
    private final BiFunction<Integer, Request, Fate> fates;
    private final AtomicInteger count = new AtomicInteger();
    private final Queue<Request> requests = new ConcurrentLinkedQueue<>();

    /// @param head the request line and headers
    public record Request(String head, Fate fate) {
        /// Returns the request's line, such as `PUT /work/name?partNumber=1`.
     public String line() {
            return head.lines().findFirst().orElseThrow().replace(" HTTP/1.1", "");
        }

     public boolean isCopy() {
            return header("x-amz-copy-source") != null;
        }

        @Nullable
     public String header(String name) {
            return head.lines()
                    .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name + ":"))
                    .map(line -> line.substring(name.length() + 1).strip())
                    .findFirst()
                    .orElse(null);
        }
    }

    /// How a request is treated.
    public enum Fate {
        PASSES,
        /// The store asks to slow down, and has done nothing.
        IS_THROTTLED,
        /// The store fails, and has done nothing.
        FAILS,
        /// The connection breaks before the store sees anything.
        IS_LOST,
        /// The store executes the request, and the connection breaks before its answer.
        LOSES_ITS_ANSWER,
        /// Nothing comes for longer than any client waits.
        STALLS
    }

    private S3Relay(ServerSocket listener, int server, BiFunction<Integer, Request, Fate> fates) {
        this.listener = listener;
        this.server = server;
        this.fates = fates;
    }

    /// @param server the server's port
    /// @param fates the fates of requests, by their number from 1 and their contents
    public static S3Relay start(int server, BiFunction<Integer, Request, Fate> fates) {
        try {
            ServerSocket listener = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
            S3Relay relay = new S3Relay(listener, server, fates);
            Thread.ofVirtual().start(relay::accept);
            return relay;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public int port() {
        return listener.getLocalPort();
    }

    public List<Request> requests() {
        return List.copyOf(requests);
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket client = listener.accept();
                Thread.ofVirtual().start(() -> relay(client));
            } catch (IOException e) {
                return; // closed
            }
        }
    }

    private void relay(Socket client) {
        try (client;
                Socket upstream = new Socket(InetAddress.getLoopbackAddress(), server)) {
            Answers answers = new Answers(client, upstream);
            Thread.ofVirtual().start(answers::pass);
            InputStream in = new BufferedInputStream(client.getInputStream());
            OutputStream out = upstream.getOutputStream();
            for (String head = head(in); !head.isEmpty(); head = head(in)) {
                Request seen = new Request(head, Fate.PASSES);
                Request request = new Request(head, fates.apply(count.incrementAndGet(), seen));
                requests.add(request);
                switch (request.fate()) {
                    case PASSES -> {}
                    case IS_THROTTLED -> {
                        refuse(client, "503 Service Unavailable", "SlowDown");
                        return;
                    }
                    case FAILS -> {
                        refuse(client, "500 Internal Server Error", "InternalError");
                        return;
                    }
                    case IS_LOST -> {
                        return;
                    }
                    case LOSES_ITS_ANSWER -> answers.lose = true;
                    case STALLS -> {
                        TimeUnit.MINUTES.sleep(5);
                        return;
                    }
                }
                out.write(head.getBytes(StandardCharsets.ISO_8859_1));
                copy(in, out, bodyLength(request));
                out.flush();
            }
        } catch (IOException e) {
            // One side is gone. The other notices the closed connection.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// Reads up to the empty line; "" at the end of the connection.
    private static String head(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        for (int next = in.read(); next >= 0; next = in.read()) {
            head.write(next);
            if (next == '\n' && head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
                return head.toString(StandardCharsets.ISO_8859_1);
            }
        }
        return "";
    }

    private static long bodyLength(Request request) throws IOException {
        if (request.header("transfer-encoding") != null) {
            throw new IOException("the relay knows no chunks");
        }
        String length = request.header("content-length");
        return length == null ? 0 : Long.parseLong(length);
    }

    private static void copy(InputStream in, OutputStream out, long bytes) throws IOException {
        out.flush();
        byte[] buffer = new byte[8192];
        for (long left = bytes; left > 0; ) {
            int read = in.read(buffer, 0, (int) Math.min(left, buffer.length));
            if (read < 0) {
                throw new EOFException();
            }
            out.write(buffer, 0, read);
            left -= read;
        }
    }

    private static void refuse(Socket client, String status, String code) throws IOException {
        String body =
                "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>Try again.</Message></Error>".formatted(code);
        String answer =
                "HTTP/1.1 %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                        .formatted(status, body.length(), body);
        client.getOutputStream().write(answer.getBytes(StandardCharsets.ISO_8859_1));
        client.getOutputStream().flush();
        // The rest of the request is read, because the client may otherwise see a broken connection instead of the
        // answer.
        client.shutdownOutput();
        client.setSoTimeout(1000);
        client.getInputStream().transferTo(OutputStream.nullOutputStream());
    }

    /// Passes answers back to the client, on its own thread.
    private static final class Answers {
        private static final String GO_ON = "HTTP/1.1 100";

        private final Socket client;
        private final Socket upstream;
        private volatile boolean lose;

     Answers(Socket client, Socket upstream) {
            this.client = client;
            this.upstream = upstream;
        }

     void pass() {
            byte[] buffer = new byte[8192];
            try (client;
                    upstream) {
                InputStream in = upstream.getInputStream();
                OutputStream out = client.getOutputStream();
                for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                    boolean goesOn = new String(buffer, 0, read, StandardCharsets.ISO_8859_1).startsWith(GO_ON);
                    if (lose && !goesOn) {
                        return;
                    }
                    out.write(buffer, 0, read);
                    out.flush();
                }
            } catch (IOException e) {
                // One side is gone, and both are closed now.
            }
        }
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
