#include <vector>
#include "queue.hpp"

using namespace std;
using std::string;
namespace fs = std::filesystem;

namespace example::queue {

// How many jobs there may be.
constexpr int kMaxJobs = 100;
template <typename T> using Ptr = std::shared_ptr<T>;
typedef std::map<string, int> Counts;

/// How far a job is.
enum class State : int { New, Done = 3 };

class Forward;

/// One piece of work.
template <typename T, int N = 3>
class Job final : public Base<T>, private detail::Mixin {
public:
    explicit Job(std::string name) : name_(std::move(name)) {}
    Job(const Job &) = delete;
    virtual ~Job() = default;

    /// Runs it.
    [[nodiscard]] virtual auto run(
        const Context &context, // where
        int times = 1) const noexcept -> Result<T> override;
    virtual void stop() = 0;
    static Job create() { return Job("x"); }
    bool operator==(const Job &other) const { return name_ == other.name_; }
    operator bool() const;
    template <class U> void visit(U &&visitor) { visitor(*this); }
    friend class Queue;
    friend std::ostream &operator<<(std::ostream &out, const Job &job);

    struct Options { int retries = 3; bool strict{true}; };
    using Id = int;
    enum { Small, Large };

protected:
    std::string name_;
    static int count_;
    std::vector<Job *> parents_, children_;
    std::function<void(int)> callback_ = nullptr;
};

struct Point { double x, y; };
union Value { int i; float f; };

template <typename T, int N>
auto Job<T, N>::run(const Context &context, int times) const noexcept -> Result<T> {
    auto local = [&](int x) { return x + helper(x); };
    for (const auto &parent : parents_) parent->run(context, times);
    detail::log<int>("x");
    return Result<T>{new Task(times), static_cast<T>(State::New)};
}

int Queue::count_ = 0;
Queue::Queue(int size) : size_(size) {}
Queue::~Queue() { clear(); }
Queue &Queue::operator+=(const Job &job) { return *this; }

template <>
struct Hash<Point> { size_t operator()(const Point &p) const; };

namespace {
int hidden() { return kMaxJobs; }
}

template <typename T>
concept Runnable = requires(T t) { t.run(); };

} // namespace example::queue

extern "C" {
int exported(int value);
}

#define LOG(x) std::cout << (x)

int main(int argc, char **argv) try {
    example::queue::Job<int> job("x");
    throw std::runtime_error("x");
} catch (const std::exception &e) { return 1; }
