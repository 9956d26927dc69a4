import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Java's own client: java Http2Client.java URL [CA], which prints a line for each thing it does. */
class Http2Client {
    public static void main(String[] arguments) throws Exception {
        var builder = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2);
        if (arguments.length > 1) {
            builder.sslContext(trusting(Path.of(arguments[1])));
        }
        var client = builder.build();
        var url = arguments[0];

        var first = client.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString());
        System.out.println(first.version() + " " + first.statusCode() + " " + first.body());

        List<CompletableFuture<HttpResponse<String>>> many = IntStream.range(0, 50)
            .mapToObj(number -> HttpRequest.newBuilder(URI.create(url + "/numbers/" + number)).build())
            .map(request -> client.sendAsync(request, BodyHandlers.ofString()))
            .collect(Collectors.toList());
        System.out.println(many.stream().map(each -> each.join().body()).collect(Collectors.joining(" ")));

        var body = BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(new byte[300_000]));
        var upload = HttpRequest.newBuilder(URI.create(url + "/length")).POST(body).build();
        System.out.println(client.send(upload, BodyHandlers.ofString()).body());

        var stream = HttpRequest.newBuilder(URI.create(url + "/stream")).build();
        System.out.println(client.send(stream, BodyHandlers.ofString()).body());
    }

    /** Returns a context that trusts an authority, whose certificate is in a file. */
    static SSLContext trusting(Path path) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (var file = java.nio.file.Files.newInputStream(path)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }
}
