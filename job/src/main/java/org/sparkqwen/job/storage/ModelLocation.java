package org.sparkqwen.job.storage;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Refusal;

/// The location to which `--model` points.
public sealed interface ModelLocation {
    /// The pattern of a URI. A scheme has at least two letters, so `C:` is none.
    Pattern WITH_SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+:.*", Pattern.DOTALL);

    /// The pattern of a URI with a password, as some file systems once had it: `wasb://key:secret@container`.
    Pattern WITH_PASSWORD = Pattern.compile("[^@]*:[^@]*@.*", Pattern.DOTALL);

    /// A directory, or a GGUF file, of this machine.
    record Local(Path path) implements ModelLocation {}

    /// A directory, or a GGUF file, on a file system that Hadoop knows.
    record Remote(String uri) implements ModelLocation {
        /// Returns the directory's files as the driver reaches them before there is a session.
        ///
        /// @param conf Spark's configuration, which says how to reach them
        /// @throws Refusal if the directory's store does not answer
        public HadoopFiles files(SparkConf conf) {
            Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
            S3Check.refuseUnreachable("--model", List.of(uri), hadoop);
            return new HadoopFiles(uri, hadoop);
        }
    }

    /// @param text the value of the option; null for the small sample model
    /// @throws Refusal if the text is empty, if it is neither a directory nor a URI, or if it has credentials
    static ModelLocation of(@Nullable String text) {
        if (text == null) {
            return new Local(SampleModel.directory());
        }
        if (text.isBlank()) { // such as a variable of the shell that is not set
            throw Refusal.usage("--model is empty; give a directory or a URI, or leave the option out");
        }
        if (!WITH_SCHEME.matcher(text).matches()) {
            S3Settings.refuseCredentials("--model", text);
            return local(text);
        }
        Remote remote = remote(text);
        URI uri = URI.create(remote.uri());
        return "file".equalsIgnoreCase(uri.getScheme()) ? local(uri.getPath()) : remote;
    }

    private static Local local(String path) {
        LocaleEncoding.ofProcess().refuseOthers("--model", path);
        return new Local(Path.of(path));
    }

    /// Returns the directory or the GGUF file that a URI names, on whatever file system.
    ///
    /// @throws Refusal if the text is no URI of a directory, or if it has credentials
    static Remote remote(String text) {
        S3Settings.refuseCredentials("--model", text);
        try {
            URI uri = new URI(text.replaceAll("/+$", ""));
            String authority = uri.getRawAuthority();
            if (authority != null && WITH_PASSWORD.matcher(authority).matches()) {
                throw Refusal.usage("--model has credentials in its URI, where anyone can read them; leave them out and"
                        + " set them in the environment");
            }
            if (uri.getPath() == null || uri.getPath().isEmpty()) {
                throw Refusal.usage("--model %s names no directory".formatted(text));
            }
            return new Remote(uri.toString());
        } catch (URISyntaxException e) {
            throw Refusal.usage("--model %s is no URI: %s".formatted(text, e.getReason()));
        }
    }
}
