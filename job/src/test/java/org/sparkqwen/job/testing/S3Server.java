package org.sparkqwen.job.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import software.amazon.awssdk.services.s3.model.MultipartUpload;

/// A server of the S3 protocol on loopback: S3Proxy, in its own JVM and with its own class path, with its objects in a
/// directory. It requires signed requests.
public final class S3Server implements AutoCloseable {
    public static final String BUCKET = "bucket";
    public static final String OTHER_BUCKET = "whole";
    public static final String KEY = "KEYOFTHETESTS";
    public static final String SECRET = "xyzzy-plugh-plover-0123456789";

    private static final Path JAR = Path.of("target/s3proxy/s3proxy.jar").toAbsolutePath();

    private final Process process;
    private final int port;

    private S3Server(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /// Starts a server with two buckets.
    public static S3Server start(Path directory) {
        try {
            Path data = Files.createDirectories(directory.resolve("s3"));
            Files.createDirectory(data.resolve(BUCKET));
            Files.createDirectory(data.resolve(OTHER_BUCKET));
            Path properties = Files.write(
                    directory.resolve("s3proxy.properties"),
                    List.of(
                            "s3proxy.endpoint=http://127.0.0.1:0",
                            "s3proxy.authorization=aws-v2-or-v4",
                            "s3proxy.identity=" + KEY,
                            "s3proxy.credential=" + SECRET,
                            "jclouds.provider=filesystem-nio2",
                            "jclouds.identity=unused",
                            "jclouds.credential=unused",
                            "jclouds.filesystem.basedir=" + data));
            Path log = directory.resolve("s3proxy.log");
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx256m",
                            "-jar",
                            JAR.toString(),
                            "--properties",
                            properties.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            return new S3Server(process, port(process, log));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Returns the port that the server has chosen, once it listens.
    private static int port(Process process, Path log) throws IOException {
        Pattern listening = Pattern.compile("Started .*ServerConnector.*\\{127\\.0\\.0\\.1:(\\d+)}");
        Instant deadline = Instant.now().plus(Duration.ofMinutes(1));
        while (process.isAlive() && Instant.now().isBefore(deadline)) {
            Matcher matcher = listening.matcher(Files.readString(log));
            if (matcher.find()) {
                return Integer.parseInt(matcher.group(1));
            }
            try {
                process.waitFor(100, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(e);
            }
        }
        process.destroy();
        throw new AssertionError("the S3 server did not start:\n" + Files.readString(log));
    }

    public int port() {
        return port;
    }

    /// Returns a client for the tests themselves.
    public S3AFileSystem client() {
        Configuration conf = new Configuration();
        conf.set("fs.s3a.endpoint", "http://127.0.0.1:" + port);
        conf.set("fs.s3a.endpoint.region", "us-east-1");
        conf.set("fs.s3a.path.style.access", "true");
        conf.set("fs.s3a.access.key", KEY);
        conf.set("fs.s3a.secret.key", SECRET);
        try {
            return (S3AFileSystem) FileSystem.newInstance(URI.create("s3a://" + BUCKET), conf);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Puts a file or a directory into the bucket.
    ///
    /// @return its URI there
    public String put(Path file, String name) {
        String address = "s3a://%s/%s".formatted(BUCKET, name);
        try (FileSystem client = client()) {
            client.copyFromLocalFile(
                    new org.apache.hadoop.fs.Path(file.toUri()), new org.apache.hadoop.fs.Path(address));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return address;
    }

    /// Copies all objects below a name out of the bucket. The server keeps them in files, and may list a directory
    /// whose last file is gone.
    ///
    /// @return the new directory
    public Path get(String name, Path directory) {
        try (FileSystem client = client()) {
            for (String object : objects(name)) {
                Path copy = directory.resolve(object.substring(name.length() + 2));
                Files.createDirectories(copy.getParent());
                client.copyToLocalFile(
                        false,
                        new org.apache.hadoop.fs.Path("s3a://" + BUCKET + object),
                        new org.apache.hadoop.fs.Path(copy.toUri()),
                        true);
            }
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Returns the names of all objects below a name.
    public List<String> objects(String name) {
        List<String> objects = new ArrayList<>();
        try (FileSystem client = client()) {
            RemoteIterator<LocatedFileStatus> files =
                    client.listFiles(new org.apache.hadoop.fs.Path("s3a://%s/%s".formatted(BUCKET, name)), true);
            while (files.hasNext()) {
                objects.add(files.next().getPath().toUri().getPath());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return objects;
    }

    /// Returns the names of objects whose upload was begun and neither completed nor aborted.
    public List<String> pendingUploads() {
        List<String> pending = new ArrayList<>();
        try (S3AFileSystem client = client()) {
            RemoteIterator<MultipartUpload> uploads = client.listUploads("");
            while (uploads.hasNext()) {
                pending.add(uploads.next().key());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return pending;
    }

    @Override
    public void close() {
        process.destroy();
    }
}
