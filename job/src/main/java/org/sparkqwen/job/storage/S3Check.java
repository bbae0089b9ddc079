package org.sparkqwen.job.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.UnknownStoreException;
import org.apache.hadoop.fs.s3a.auth.NoAuthWithAWSException;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// Sends a first request to an S3 store before any work. During the work a run is patient with a store, for minutes at
/// every request, but what is wrong from the start should be known in seconds.
public final class S3Check {
    private S3Check() {}

    /// Refuses paths on `s3a:` whose store does not answer, or refuses access. It asks for one path of each bucket.
    /// It does not check whether the paths exist.
    ///
    /// @param option the option whose values the paths are
    /// @param paths the paths, which may be globs, or lie on other file systems
    public static void refuseUnreachable(String option, List<String> paths, Configuration hadoop) {
        Set<String> buckets = new HashSet<>();
        for (String text : paths) {
            if (text.startsWith(S3Settings.SCHEME + ":")) {
                Path path = new Path(text);
                if (buckets.add(path.toUri().getAuthority())) {
                    refuseUnreachable(option, path, hadoop);
                }
            }
        }
    }

    private static void refuseUnreachable(String option, Path path, Configuration hadoop) {
        try (FileSystem store = FileSystem.newInstance(path.toUri(), impatient(hadoop))) {
            store.getFileStatus(withoutGlob(path));
        } catch (FileNotFoundException e) {
            return; // the path does not exist, but the store has answered
        } catch (UnknownStoreException e) {
            throw Refusal.usage("%s %s: there is no bucket %s"
                    .formatted(option, path, path.toUri().getHost()));
        } catch (IOException | RuntimeException e) {
            throw Refusal.failure("%s %s: %s".formatted(option, path, explanation(e, hadoop)), e);
        }
    }

    private static String explanation(Exception e, Configuration hadoop) {
        if (has(e, NoAuthWithAWSException.class)) {
            return "no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or see docs/s3.md";
        }
        if (has(e, AccessDeniedException.class)) {
            return "S3 denies access; the credentials are wrong, or not allowed to list and read this path";
        }
        String endpoint = hadoop.getTrimmed("fs.s3a.endpoint", "");
        return "S3 cannot be reached%s: %s"
                .formatted(endpoint.isEmpty() ? "" : " at " + endpoint, Failures.firstLine(e));
    }

    private static boolean has(Throwable failure, Class<?> kind) {
        return kind.isInstance(failure) || (failure.getCause() != null && has(failure.getCause(), kind));
    }

    private static Configuration impatient(Configuration hadoop) {
        Configuration conf = new Configuration(hadoop);
        conf.setInt("fs.s3a.attempts.maximum", 2);
        conf.setInt("fs.s3a.retry.limit", 2);
        conf.setInt("fs.s3a.retry.throttle.limit", 5);
        // This is the least that S3A accepts.
        conf.set("fs.s3a.connection.establish.timeout", "15s");
        conf.set("fs.s3a.connection.timeout", "15s");
        conf.set("fs.s3a.connection.request.timeout", "15s");
        return conf;
    }

    private static Path withoutGlob(Path path) {
        Path plain = path;
        while (!plain.isRoot() && plain.toUri().getPath().matches(".*[*?\\[{\\\\].*")) {
            plain = plain.getParent();
        }
        return plain;
    }
}
